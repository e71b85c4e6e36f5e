//! Sizes of a definition, and the form of its plain words. The schema of the custom resource says
//! the same; a rule from a file has passed no schema.

use crate::detect::{
    definition::{Exception, Predicate, RuleDefinition, RuleTest, Selection},
    limits,
    problem::{Problems, Reason},
};

/// Checks every size that the compilation relies on, and those of the texts around it.
pub fn check(definition: &RuleDefinition, problems: &mut Problems) {
    let RuleDefinition {
        title,
        description,
        severity: _,
        category,
        state: _,
        tags,
        references,
        false_positives,
        alert_per: _,
        outcomes: _,
        severity_when,
        context,
        selections,
        condition: _,
        message,
        exceptions,
        tests,
    } = definition;
    let mut bounds = Bounds(problems);
    if title.trim().is_empty() {
        bounds.invalid(
            "spec.title",
            "title is empty; say in a few words what is found",
        );
    }
    bounds.text("spec.title", title, 256);
    bounds.text(
        "spec.description",
        description.as_deref().unwrap_or(""),
        2048,
    );
    bounds.category(category);
    bounds.texts("spec.tags", tags, 32, 64);
    bounds.texts("spec.references", references, 16, 512);
    bounds.texts("spec.falsePositives", false_positives, 16, 256);
    bounds.list(
        "spec.severityWhen",
        "entries",
        severity_when,
        limits::SEVERITIES,
    );
    bounds.list("spec.context", "entries", context, limits::CONTEXT);
    bounds.selections(selections);
    bounds.text(
        "spec.message",
        message.as_deref().unwrap_or(""),
        limits::MESSAGE_CHARS,
    );
    bounds.exceptions(exceptions);
    bounds.tests(tests);
    bounds.patterns(selections, exceptions);
}

struct Bounds<'p>(&'p mut Problems);

impl Bounds<'_> {
    fn invalid(&mut self, place: &str, message: &str) {
        self.0.add(place, Reason::DefinitionInvalid, message);
    }

    fn exceeded(&mut self, place: &str, what: &str, found: usize, allowed: usize) {
        let message = format!("{found} {what}; {allowed} are allowed");
        self.0.add(place, Reason::LimitExceeded, message);
    }

    fn text(&mut self, place: &str, text: &str, allowed: usize) {
        if text.len() > allowed {
            let length = text.chars().count();
            if length > allowed {
                self.exceeded(place, "characters", length, allowed);
            }
        }
    }

    fn list<T>(&mut self, place: &str, what: &str, list: &[T], allowed: usize) {
        if list.len() > allowed {
            self.exceeded(place, what, list.len(), allowed);
        }
    }

    fn texts(&mut self, place: &str, texts: &[String], entries: usize, characters: usize) {
        self.list(place, "entries", texts, entries);
        for (index, text) in texts.iter().enumerate().take(entries) {
            self.text(&format!("{place}[{index}]"), text, characters);
        }
    }

    fn category(&mut self, category: &str) {
        let mut letters = category.chars();
        let is_word = letters
            .next()
            .is_some_and(|first| first.is_ascii_uppercase())
            && letters.all(|letter| letter.is_ascii_alphanumeric());
        if !is_word {
            let message = "category must be one CamelCase word of ASCII letters and digits, \
                           for example Enum, Tamper, Secrets or Exec";
            self.invalid("spec.category", message);
        }
        self.text("spec.category", category, 32);
    }

    fn selections(&mut self, selections: &[Selection]) {
        self.list("spec.selections", "selections", selections, limits::LIST);
        for (index, selection) in selections.iter().enumerate() {
            let place = format!("spec.selections[{index}]");
            let Selection { all, any, none, .. } = selection;
            self.group(&place, &selection.name, [all, any, none]);
        }
        let names = selections.iter().map(|selection| selection.name.as_str());
        self.unique("spec.selections", names);
    }

    fn exceptions(&mut self, exceptions: &[Exception]) {
        self.list("spec.exceptions", "exceptions", exceptions, limits::LIST);
        for (index, exception) in exceptions.iter().enumerate() {
            let place = format!("spec.exceptions[{index}]");
            let Exception { all, any, none, .. } = exception;
            self.group(&place, &exception.name, [all, any, none]);
            let reason = exception.reason.as_deref().unwrap_or("");
            self.text(&format!("{place}.reason"), reason, 512);
        }
        let names = exceptions.iter().map(|exception| exception.name.as_str());
        self.unique("spec.exceptions", names);
    }

    fn tests(&mut self, tests: &[RuleTest]) {
        self.list("spec.tests", "tests", tests, limits::LIST);
        for (index, test) in tests.iter().enumerate() {
            let place = format!("spec.tests[{index}]");
            if test.name.trim().is_empty() {
                self.invalid(&format!("{place}.name"), "name is empty");
            }
            self.text(&format!("{place}.name"), &test.name, 256);
            if !test.event.is_object() {
                self.invalid(&format!("{place}.event"), "event is not an object");
            }
        }
        self.unique("spec.tests", tests.iter().map(|test| test.name.as_str()));
    }

    fn group(&mut self, place: &str, name: &str, predicates: [&[Predicate]; 3]) {
        let mut letters = name.chars();
        let is_name = letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|l| l.is_ascii_alphanumeric() || matches!(l, '_' | '-'));
        let name_place = format!("{place}.name");
        if !is_name {
            let message =
                "name must begin with a letter or _ and go on with letters, digits, _ and -";
            self.0.add(&name_place, Reason::SelectionInvalid, message);
        }
        self.text(&name_place, name, limits::NAME_CHARS);
        for (kind, predicates) in ["all", "any", "none"].into_iter().zip(predicates) {
            let place = format!("{place}.{kind}");
            self.list(&place, "predicates", predicates, limits::LIST);
            for (index, predicate) in predicates.iter().enumerate() {
                self.operands(&format!("{place}[{index}]"), predicate);
            }
        }
    }

    fn operands(&mut self, place: &str, predicate: &Predicate) {
        for (name, operands) in [
            ("in", &predicate.is_in),
            ("startsWithAny", &predicate.starts_with_any),
            ("endsWithAny", &predicate.ends_with_any),
            ("containsAny", &predicate.contains_any),
            ("cidrAny", &predicate.cidr_any),
        ] {
            self.list(
                &format!("{place}.{name}"),
                "values",
                operands,
                limits::OPERANDS,
            );
        }
    }

    fn unique<'n>(&mut self, place: &str, names: impl Iterator<Item = &'n str>) {
        let mut seen = std::collections::HashMap::new();
        for (index, name) in names.enumerate() {
            if let Some(first) = seen.get(name) {
                let message = format!("the same name as {place}[{first}]; choose another");
                let place = format!("{place}[{index}].name");
                self.0.add(place, Reason::DuplicateName, message);
            } else {
                seen.insert(name, index);
            }
        }
    }

    fn patterns(&mut self, selections: &[Selection], exceptions: &[Exception]) {
        let of_selections = selections
            .iter()
            .flat_map(|s| s.all.iter().chain(&s.any).chain(&s.none));
        let of_exceptions = exceptions
            .iter()
            .flat_map(|e| e.all.iter().chain(&e.any).chain(&e.none));
        let count = of_selections
            .chain(of_exceptions)
            .map(|p| p.matches_any.len() + usize::from(p.matches.is_some()))
            .sum();
        if count > limits::PATTERNS {
            let what = "patterns in selections and exceptions";
            self.exceeded("spec", what, count, limits::PATTERNS);
        }
    }
}
