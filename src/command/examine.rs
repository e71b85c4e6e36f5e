//! Reading manifests as the operator would: every rule and job, or everything that is wrong.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use super::manifests::ManifestFile;
use crate::{
    api::{
        manifest::{Declared, Finding, Manifest},
        problem::Problem,
        rule::K8sCopRule,
    },
    detect::rule::Rule,
    terminal,
};

const DUPLICATE: &str = "DuplicateName";

/// What some files hold.
#[derive(Debug, Default)]
pub struct Examined {
    /// The rules without problems, by key.
    pub rules: BTreeMap<String, Arc<Rule>>,
    /// Number of jobs without problems.
    pub jobs: usize,
    /// All problems, in the order of the files and of their lines.
    pub problems: Vec<Located>,
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
        let mut findings = examined.add(Manifest::parse(&file.text));
        findings.sort_by_key(|finding| (finding.line, finding.column));
        let located = findings.into_iter().map(|finding| Located {
            file: file.path.clone(),
            finding,
        });
        examined.problems.extend(located);
    }
    examined
}

impl Examined {
    fn add(&mut self, manifest: Manifest) -> Vec<Finding> {
        let Manifest {
            rules,
            jobs,
            mut findings,
        } = manifest;
        for declared in rules {
            findings.extend(self.add_rule(&declared).err().into_iter().flatten());
        }
        for declared in jobs {
            match declared.job() {
                Ok(_) => self.jobs += 1,
                Err(problems) => findings.extend(problems),
            }
        }
        findings
    }

    fn add_rule(&mut self, declared: &Declared<K8sCopRule>) -> Result<(), Vec<Finding>> {
        let rule = declared.rule()?;
        let key = rule.key().to_owned();
        if self.rules.contains_key(&key) {
            let message = format!("there is another rule {key}: give one of them another name");
            let problem = Problem::new("metadata.name", DUPLICATE, message);
            return Err(vec![declared.finding(problem)]);
        }
        self.rules.insert(key, Arc::new(rule));
        Ok(())
    }
}
