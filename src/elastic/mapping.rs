//! What the mapping of a source allows, asked once and again after a search was refused.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{answer, client::Client, fault::Operation, pushdown::Trust, query};
use crate::pipeline::{
    plan::SourcePlan,
    ports::{Fault, FaultReason},
};

/// The mapping of a source, as far as it was asked for.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    known: Mutex<Known>,
    /// Whether the server can be asked to leave documents out.
    pub(super) trust: Trust,
}

#[derive(Clone, Copy, Debug, Default)]
enum Known {
    #[default]
    Nothing,
    Allows(Marks),
    /// A search was refused that had been allowed.
    Refused,
}

/// What documents can be marked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// Their number and the sum of their sequence numbers.
    Sequence,
    /// Their number alone: an index of the source keeps no sequence numbers.
    Count,
}

impl Mapping {
    /// Checks that the time field is a date: a wrong one would otherwise look like a source without
    /// events. Somebody who may search but not see mappings is believed.
    pub(super) async fn check(&self, client: &Client, plan: &SourcePlan) -> Result<Marks, Fault> {
        let known = *self.known();
        if let Known::Allows(marks) = known {
            return Ok(marks);
        }
        let request = query::mapping(plan);
        let told = match client.call(Operation::ReadMapping, request).await {
            Ok(found) => answer::mapping(&found.body, &plan.timestamp_field)?,
            Err(fault) if fault.reason == FaultReason::Forbidden => Marks::Sequence,
            Err(fault) => return Err(fault),
        };
        // Elasticsearch 9.5 lets one index with sequence numbers speak for all: with a good time
        // field it is they that were refused.
        let marks = match known {
            Known::Refused => Marks::Count,
            _ => told,
        };
        *self.known() = Known::Allows(marks);
        Ok(marks)
    }

    /// Asks again next time if a fault may come from the mapping: an index that came since can differ
    /// from the others.
    pub(super) fn doubt_after(&self, fault: &Fault) {
        if fault.reason == FaultReason::TimestampFieldInvalid {
            *self.known() = Known::Refused;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
