//! An alert on its way to the sink, and the forms that it is sent in: whole, reduced where the
//! whole is refused, and at last as a text in an index of its own.

use std::sync::Arc;

use crate::{
    detect::alert::Alert,
    pipeline::{
        ports::{AddressedAlert, Fault},
        reduce::{quarantined, reduce},
    },
};

/// Bytes of the line above an alert in a request, besides its index and id.
const ACTION: usize = 40;

/// An alert on its way.
#[derive(Clone, Debug)]
pub struct Item {
    /// Number of the page that it was found in.
    pub page: u64,
    prefix: Arc<str>,
    whole: Arc<Alert>,
    form: Form,
    sent: AddressedAlert,
}

/// What is sent for an alert, in the order in which it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All of it.
    Whole,
    /// Its few fixed fields.
    Reduced,
    /// All of it as a text, to the quarantine index.
    Quarantined,
}

impl Item {
    /// An alert that was found in a page, for the indices of a prefix.
    pub fn new(page: u64, prefix: &Arc<str>, alert: Alert) -> Self {
        let sent = AddressedAlert::new(alert.index(prefix), Arc::new(alert));
        Self {
            page,
            prefix: Arc::clone(prefix),
            whole: Arc::clone(&sent.alert),
            form: Form::Whole,
            sent,
        }
    }

    /// Category of the alert.
    pub fn category(&self) -> &str {
        &self.whole.category
    }

    /// What is sent now.
    pub fn sent(&self) -> &AddressedAlert {
        &self.sent
    }

    /// The form of what is sent now.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Bytes that it takes in a request.
    pub fn bytes(&self) -> usize {
        self.sent.text().len() + self.sent.index.len() + self.sent.alert.id.len() + ACTION
    }

    /// Takes the next form after a refusal. `false`: that was the last, and it is whole again.
    pub fn give_way(&mut self, refusal: &Fault) -> bool {
        let index = self.whole.index(&self.prefix);
        match self.form {
            Form::Whole => self.take(Form::Reduced, index, Arc::new(reduce(&self.whole))),
            Form::Reduced => {
                let record = quarantined(&self.whole, &index, &refusal.message);
                let index = self.whole.quarantine_index(&self.prefix);
                self.take(Form::Quarantined, index, Arc::new(record));
            }
            Form::Quarantined => self.take(Form::Whole, index, Arc::clone(&self.whole)),
        }
        self.form != Form::Whole
    }

    /// Takes an id of its own, for another alert holds the one that it had; it is whole again.
    pub fn take_own_id(&mut self) {
        self.whole = Arc::new(self.whole.with_own_id());
        let index = self.whole.index(&self.prefix);
        self.take(Form::Whole, index, Arc::clone(&self.whole));
    }

    fn take(&mut self, form: Form, index: String, alert: Arc<Alert>) {
        self.form = form;
        self.sent = AddressedAlert::new(index, alert);
    }
}
