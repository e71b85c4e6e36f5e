//! The rules that the commands without a cluster work with.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::{anyhow, bail};

use super::{builtin, examine, manifests};
use crate::{
    api::{convert, manifest::Manifest},
    detect::rule::{Rule, RuleIdentity},
    terminal,
};

/// The tenant of alerts that are made without a cluster, a part of their identity.
pub const TENANT: &str = "local";

/// Which rules to use.
#[derive(Clone, Debug, clap::Args)]
pub struct RuleArgs {
    /// File or folder of rules (K8sCopRule manifests), beside the built-in ones; `-` is standard
    /// input; may be repeated
    #[arg(
        short = 'R',
        long = "rules",
        value_name = "PATH",
        help_heading = "Rules"
    )]
    paths: Vec<PathBuf>,
    /// Leave the built-in rules out
    #[arg(long, requires = "paths", help_heading = "Rules")]
    no_builtin: bool,
}

/// Reads and checks the rules, ordered by key. A rule of the same namespace and name as a built-in
/// one takes its place.
pub fn load(args: &RuleArgs) -> anyhow::Result<Vec<Arc<Rule>>> {
    let mut rules = if args.no_builtin {
        BTreeMap::new()
    } else {
        built_in()?
    };
    rules.extend(own(&args.paths)?);
    Ok(rules.into_values().collect())
}

fn built_in() -> anyhow::Result<BTreeMap<String, Arc<Rule>>> {
    let mut rules = BTreeMap::new();
    for (file, text) in builtin::MANIFESTS {
        for declared in Manifest::parse(text).rules {
            let identity = RuleIdentity {
                namespace: builtin::NAMESPACE.to_owned(),
                name: declared.object().metadata.name.clone().unwrap_or_default(),
                uid: String::new(),
            };
            let rule = convert::rule(identity, &declared.object().spec.0)
                .map_err(|problems| anyhow!("built-in rule {file} is broken: {problems:?}"))?;
            rules.insert(rule.key().to_owned(), Arc::new(rule));
        }
    }
    Ok(rules)
}

fn own(paths: &[PathBuf]) -> anyhow::Result<BTreeMap<String, Arc<Rule>>> {
    let examined = examine::examine(&manifests::read(paths)?);
    for problem in &examined.problems {
        terminal::say(format_args!("{problem}"));
    }
    match examined.problems.len() {
        0 if examined.rules.is_empty() && !paths.is_empty() => {
            bail!("no rules in the given files; rules are manifests of kind K8sCopRule")
        }
        0 => Ok(examined.rules),
        1 => bail!("the rules have a problem; fix it first"),
        many => bail!("the rules have {many} problems; fix them first"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_rule_is_right_and_loaded() {
        let rules = built_in().expect("the built-in rules are right");
        assert_eq!(rules.len(), builtin::MANIFESTS.len());
    }

    #[test]
    fn a_rule_of_the_same_name_takes_the_place_of_a_built_in_one() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (_, text) = builtin::MANIFESTS
            .iter()
            .find(|(name, _)| *name == "pod-exec.yaml")
            .expect("there is one");
        let (untested, _) = text.split_once("\n  tests:").expect("it has tests");
        let own = untested
            .replacen("metadata:\n", "metadata:\n  namespace: k8scop\n", 1)
            .replacen("severity: ", "severity: Critical #", 1);
        std::fs::write(folder.path().join("own.yaml"), own).expect("a file can be written");
        let args = |paths| RuleArgs {
            paths,
            no_builtin: false,
        };

        let rules = load(&args(vec![folder.path().to_owned()])).expect("all rules are right");

        assert_eq!(
            rules.len(),
            load(&args(vec![])).expect("all rules are right").len()
        );
        let replaced = rules
            .iter()
            .find(|rule| rule.key() == "k8scop/pod-exec")
            .expect("it is there");
        assert_eq!(
            replaced.definition().severity,
            crate::detect::definition::Severity::Critical
        );
    }
}
