//! A job and its rules as a cluster holds them, read from what kubectl printed.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{anyhow, bail};
use jiff::{SignedDuration, Timestamp};

use super::{LAG, VerifyArgs, target::Target, verdict::Owner};
use crate::{
    api::manifest::Manifest,
    command::{examine::Located, manifests},
    controller::{
        desired::rules_of,
        entry::{JobEntry, RuleEntry},
    },
    detect::rule::Rule,
    pipeline::{
        plan::{Connection, Plan, Range},
        window::Window,
    },
    terminal,
};

/// Clocks differ, and a rule that was just made takes a moment to be loaded.
const LOADING: SignedDuration = SignedDuration::from_secs(60);

/// The jobs and rules of some manifests.
#[derive(Debug, Default)]
struct Held {
    jobs: Vec<JobEntry>,
    rules: Vec<RuleEntry>,
}

/// What the manifests name.
pub(super) fn target(args: &VerifyArgs, now: Timestamp) -> anyhow::Result<Target> {
    let held = read(args)?;
    let entry = held.job(args)?;
    let job = entry.outcome.as_ref().map_err(|problems| {
        let words: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow!("job {}: {}", entry.facts.key(), words.join("; "))
    })?;
    let range = job
        .range(entry.facts.created)
        .map_err(|problem| anyhow!("job {}: {problem}", entry.facts.key()))?;
    let done = entry.status.checkpoint.as_ref();
    let reach = Reach {
        range,
        watermark: done.map(|done| done.watermark),
        now,
    };
    let given = args.job.span(now);
    let span = reach.span(given.start, given.end)?;
    let rules = rules_of(job, &entry.facts.namespace, held.rules.iter());
    if rules.is_empty() {
        bail!(
            "the manifests hold no rule that job {} selects; print the rules with it: kubectl get \
             analysisjobs,k8scoprules -n {} -o yaml",
            entry.facts.key(),
            entry.facts.namespace
        );
    }
    let plan = Plan {
        // The server is the one that the flags name.
        connection: Connection::Default,
        // What must exist is found out from all events.
        pushdown: false,
        ..job.plan(
            entry.plan_id(),
            Range::Static {
                start: span.start,
                end: span.end,
            },
            rules,
            None,
        )
    };
    let owner = Owner {
        tenant: plan.id.namespace.clone(),
        job: plan.id.name.clone(),
        since: match range {
            Range::Static { .. } => BTreeMap::new(),
            Range::Streaming { .. } => since(entry, &held.rules, &plan.rules),
        },
    };
    Ok(Target { plan, span, owner })
}

fn read(args: &VerifyArgs) -> anyhow::Result<Held> {
    let mut held = Held::default();
    let mut problems = 0;
    for file in manifests::read(&args.manifests)? {
        let manifest = Manifest::parse(&file.text);
        for finding in manifest.findings {
            let file = file.path.clone();
            terminal::say(format_args!("{}", Located { file, finding }));
            problems += 1;
        }
        for job in &manifest.jobs {
            held.jobs.push(JobEntry::new(&job.resource()?, None));
        }
        for rule in &manifest.rules {
            held.rules.push(RuleEntry::new(&rule.resource()?, None));
        }
    }
    match problems {
        0 => Ok(held),
        _ => bail!("the manifests cannot be read; give what kubectl get -o yaml prints"),
    }
}

impl Held {
    /// The one job, or the one that the flags name.
    fn job(&self, args: &VerifyArgs) -> anyhow::Result<&JobEntry> {
        let is_named =
            |given: &Option<String>, name: &str| given.as_deref().is_none_or(|given| given == name);
        let named: Vec<_> = self
            .jobs
            .iter()
            .filter(|job| {
                is_named(&args.tenant, &job.facts.namespace)
                    && is_named(&args.job_name, &job.facts.name)
            })
            .collect();
        match named.as_slice() {
            [job] => Ok(job),
            [] => {
                bail!("the manifests hold no such AnalysisJob; print it with kubectl get -o yaml")
            }
            many => {
                let keys: Vec<_> = many.iter().map(|job| job.facts.key()).collect();
                bail!(
                    "the manifests hold the jobs {}: choose one with --tenant and --job",
                    keys.join(", ")
                )
            }
        }
    }
}

/// How far a job reaches.
#[derive(Clone, Copy, Debug)]
struct Reach {
    range: Range,
    watermark: Option<Timestamp>,
    now: Timestamp,
}

impl Reach {
    /// The part of the job's range that is done, within the bounds that are given.
    fn span(self, start: Option<Timestamp>, end: Option<Timestamp>) -> anyhow::Result<Window> {
        let (first, last) = match self.range {
            Range::Static { start, end } => (start, end),
            Range::Streaming { start } => (start, Timestamp::MAX),
        };
        let done = self.watermark.unwrap_or(self.now - LAG).min(last);
        let start = start.map_or(first, |start| start.max(first));
        let end = end.map_or(done, |end| end.min(done));
        if start >= end {
            bail!("the job reaches from {first} to {done}: nothing of that lies in the span");
        }
        Ok(Window { start, end })
    }
}

/// Since when the rules are in force that the job did not begin with. The job remembers it for a
/// day; of older rules their age tells.
fn since(
    job: &JobEntry,
    entries: &[RuleEntry],
    rules: &[Arc<Rule>],
) -> BTreeMap<String, Timestamp> {
    let status = &job.status;
    let remembered = status.checkpoint.as_ref().map(|done| &done.active_from);
    let began = status.started_at.as_ref().map(|time| time.0);
    let began = began.unwrap_or(job.facts.created).max(job.facts.created);
    let since = |entry: &RuleEntry| {
        let key = entry.facts.key();
        let known = remembered.and_then(|from| from.get(&key)).copied();
        let younger = (entry.facts.created > began).then(|| entry.facts.created + LOADING);
        Some((key, known.or(younger)?))
    };
    let is_used = |key: &str| rules.iter().any(|rule| rule.key() == key);
    let all = entries.iter().filter_map(since);
    all.filter(|(key, _)| is_used(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("it is in range")
    }

    fn span(reach: Reach, start: Option<i64>, end: Option<i64>) -> Option<(i64, i64)> {
        let span = reach.span(start.map(at), end.map(at)).ok()?;
        Some((span.start.as_second(), span.end.as_second()))
    }

    #[test]
    fn a_job_is_verified_as_far_as_it_is_done() {
        let streaming = Reach {
            range: Range::Streaming { start: at(100) },
            watermark: Some(at(500)),
            now: at(1_000),
        };
        assert_eq!(span(streaming, None, None), Some((100, 500)));
        assert_eq!(span(streaming, Some(200), Some(300)), Some((200, 300)));
        assert_eq!(span(streaming, Some(0), Some(900)), Some((100, 500)));
        assert_eq!(span(streaming, Some(500), None), None);
        assert_eq!(span(streaming, None, Some(100)), None);

        let ended = Reach {
            range: Range::Static {
                start: at(100),
                end: at(400),
            },
            ..streaming
        };
        assert_eq!(span(ended, None, None), Some((100, 400)));
        let unknown = Reach {
            watermark: None,
            ..streaming
        };
        assert_eq!(span(unknown, None, None), Some((100, 940)));
    }
}
