//! Reading manifests as the operator would: every rule and job, or everything that is wrong, and
//! warnings about what is valid.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use super::manifests::ManifestFile;
use crate::{
    api::{
        manifest::{Declared, Finding, Manifest},
        problem::Problem,
        rule::K8sCopRule,
    },
    detect::{lint, rule::Rule},
    terminal,
};

const DUPLICATE: &str = "DuplicateName";

/// What some files hold.
#[derive(Debug, Default)]
pub struct Examined {
    /// The rules without problems, by key.
    pub rules: BTreeMap<String, Arc<Rule>>,
    /// How many rules, tests and jobs the files hold, with and without problems.
    pub count: Count,
    /// Warnings about the rules without problems, in the order of the files and of their lines.
    pub warnings: Vec<Located>,
    /// All problems, in the order of the files and of their lines.
    pub problems: Vec<Located>,
}

/// Numbers of resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Rules.
    pub rules: usize,
    /// Tests of the rules that could be read.
    pub tests: usize,
    /// Jobs.
    pub jobs: usize,
}

/// A problem and the file it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file.
    pub file: PathBuf,
    /// Place and problem.
    pub finding: Finding,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = self.finding.to_string();
        write!(f, "{}:{}", self.file.display(), terminal::escape(&finding))
    }
}

/// Examines files together: two rules of one name are a problem.
pub fn examine(files: &[ManifestFile]) -> Examined {
    let mut examined = Examined::default();
    for file in files {
        let (problems, warnings) = examined.add(Manifest::parse(&file.text));
        examined.problems.extend(located(file, problems));
        examined.warnings.extend(located(file, warnings));
    }
    examined
}

/// Findings in the order of their lines.
fn located(file: &ManifestFile, mut findings: Vec<Finding>) -> impl Iterator<Item = Located> {
    findings.sort_by_key(|finding| (finding.line, finding.column));
    let file = file.path.clone();
    findings.into_iter().map(move |finding| Located {
        file: file.clone(),
        finding,
    })
}

impl Examined {
    /// Adds a manifest, and returns its problems and the warnings about it.
    fn add(&mut self, manifest: Manifest) -> (Vec<Finding>, Vec<Finding>) {
        let Manifest {
            rules,
            jobs,
            unread_rules,
            unread_jobs,
            findings: mut problems,
        } = manifest;
        let mut warnings = Vec::new();
        self.count.rules += rules.len() + unread_rules;
        self.count.jobs += jobs.len() + unread_jobs;
        for declared in rules {
            self.count.tests += declared.object().spec.0.tests.len();
            match self.add_rule(&declared) {
                Ok(found) => warnings.extend(found),
                Err(found) => problems.extend(found),
            }
        }
        for declared in jobs {
            problems.extend(declared.job().err().into_iter().flatten());
        }
        (problems, warnings)
    }

    /// Adds a rule, and returns the warnings about it.
    fn add_rule(&mut self, declared: &Declared<K8sCopRule>) -> Result<Vec<Finding>, Vec<Finding>> {
        let rule = declared.rule()?;
        let key = rule.key().to_owned();
        if self.rules.contains_key(&key) {
            let message = format!("there is another rule {key}: give one of them another name");
            let problem = Problem::new("metadata.name", DUPLICATE, message);
            return Err(vec![declared.finding(problem)]);
        }
        let warnings = lint::lint(&rule).into_iter().map(|warning| {
            let reason = warning.code.as_str();
            declared.finding(Problem::new(warning.place, reason, warning.message))
        });
        let warnings = warnings.collect();
        self.rules.insert(key, Arc::new(rule));
        Ok(warnings)
    }
}
