//! The metrics of the operator, made of one observation at each scrape: nothing is counted here.
//!
//! Labels hold names of rules and jobs and words of bounded sets; never a user, an address, or
//! anything else out of an event.

use std::{collections::BTreeMap, fmt};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::{
    controller::health::RuleCounts,
    detect::definition::Severity,
    pipeline::{plan::PlanId, progress::Progress, totals::Totals},
};

/// Everything that is measured, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// Whether this process runs the jobs.
    pub leads: bool,
    /// Whether it runs them without being able to store how far they are.
    pub detached: bool,
    /// Log lines that nobody read.
    pub dropped_log_lines: u64,
    /// Rules of the cluster by what became of them.
    pub rules: RuleCounts,
    /// Severity of each rule that a job uses, by its key.
    pub severities: BTreeMap<String, Severity>,
    /// Progress of each job.
    pub jobs: BTreeMap<PlanId, Progress>,
    /// What was done for each job (`namespace/name`), also for jobs that are gone.
    pub totals: BTreeMap<String, Totals>,
}

/// The observation in the OpenMetrics text format.
pub fn render(observation: Observation) -> String {
    let mut registry = Registry::with_prefix("k8scop");
    registry.register_collector(Box::new(observation));
    let mut text = String::new();
    encode(&mut text, &registry).expect("text in memory can be written");
    text
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Observation {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let out = &mut encoder;
        let build = vec![("version", env!("CARGO_PKG_VERSION"))];
        gauge(out, "build_info", "Version of this process", [(build, 1)])?;
        let none = || Labels::new();
        let help = "1 while this process runs the jobs, 0 while it stands by";
        gauge(out, "leader", help, [(none(), self.leads.into())])?;
        let help = "1 while this process runs the jobs but cannot store how far they are";
        gauge(out, "detached", help, [(none(), self.detached.into())])?;
        let help = "Log lines that were dropped because nobody read them";
        let dropped = [(none(), self.dropped_log_lines)];
        counter(out, "log_lines_dropped", help, dropped)?;
        gauge(out, "rules", "Rules by what became of them", self.states())?;
        self.encode_jobs(out)?;
        self.encode_totals(out)?;
        self.encode_matches(out)?;
        self.encode_undecided(out)
    }
}

impl Observation {
    fn states(&self) -> [(Labels<'static>, i64); 3] {
        let RuleCounts {
            loaded,
            disabled,
            refused,
        } = self.rules;
        [
            ("loaded", loaded),
            ("disabled", disabled),
            ("refused", refused),
        ]
        .map(|(state, count)| (vec![("state", state)], count as i64))
    }

    fn encode_jobs(&self, out: &mut DescriptorEncoder) -> fmt::Result {
        let jobs = || {
            self.jobs.iter().map(|(id, progress)| {
                (
                    vec![
                        ("namespace", id.namespace.as_str()),
                        ("job", id.name.as_str()),
                    ],
                    progress,
                )
            })
        };
        gauge(
            out,
            "stream_lag_seconds",
            "Seconds between the source's clock and the watermark",
            jobs().filter_map(|(labels, progress)| Some((labels, progress.lag_seconds?))),
        )?;
        gauge(
            out,
            "checkpoint_timestamp_seconds",
            "The watermark: what lies before it is done",
            jobs().filter_map(|(labels, progress)| {
                Some((labels, progress.checkpoint.as_ref()?.watermark.as_second()))
            }),
        )
    }

    fn encode_totals(&self, out: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Audit events analysed";
        counter(
            out,
            "events_processed",
            help,
            self.count(|totals| totals.events),
        )?;
        let help = "Audit events of which the end is missing in their documents";
        let cut_off = self.count(|totals| totals.events_cut_off);
        counter(out, "events_cut_off", help, cut_off)?;
        let help = "Documents that hold no audit event that could be read";
        counter(
            out,
            "events_dropped",
            help,
            self.count(|totals| totals.quarantined),
        )?;
        let help = "Times that a pipeline broke and began again";
        counter(
            out,
            "pipeline_restarts",
            help,
            self.count(|totals| totals.restarts),
        )?;
        let help = "Alerts by what the sink did with them";
        counter(
            out,
            "alerts_written",
            help,
            self.totals.iter().flat_map(written),
        )?;
        let help = "Times that a rule could not decide an event, by the reason";
        let undecided = self.totals.iter().flat_map(undecided);
        counter(out, "undecided", help, undecided)?;
        let help = "Failed requests to Elasticsearch, each of which was repeated";
        counter(
            out,
            "elasticsearch_faults",
            help,
            self.totals.iter().flat_map(faults),
        )
    }

    fn count(&self, number: fn(&Totals) -> u64) -> impl Iterator<Item = (Labels<'_>, u64)> {
        self.totals
            .iter()
            .map(move |(key, totals)| (job(key), number(totals)))
    }

    fn encode_matches(&self, out: &mut DescriptorEncoder) -> fmt::Result {
        let mut matches = BTreeMap::<&str, u64>::new();
        for (rule, found) in self.jobs.values().flat_map(|progress| &progress.matches) {
            *matches.entry(rule).or_default() += found.count;
        }
        let samples = matches
            .into_iter()
            .map(|(key, count)| (self.rule(key), count));
        counter(out, "rule_matches", "Alerts made by each rule", samples)
    }

    fn encode_undecided(&self, out: &mut DescriptorEncoder) -> fmt::Result {
        let mut undecided = BTreeMap::<_, u64>::new();
        for (gap, events) in self.jobs.values().flat_map(|progress| &progress.undecided) {
            *undecided.entry(gap).or_default() += events;
        }
        let samples = undecided
            .into_iter()
            .map(|((rule, gap), events)| (with(self.rule(rule), "reason", gap.word()), events));
        let help = "Events that each rule could not decide, by the reason";
        counter(out, "rule_undecided", help, samples)
    }

    fn rule<'a>(&'a self, key: &'a str) -> Labels<'a> {
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        let severity = self
            .severities
            .get(key)
            .map_or("unknown", |severity| severity.word());
        vec![
            ("namespace", namespace),
            ("rule", name),
            ("severity", severity),
        ]
    }
}

fn written<'a>((key, totals): (&'a String, &Totals)) -> [(Labels<'a>, u64); 6] {
    [
        ("created", totals.alerts_created),
        ("duplicate", totals.alerts_duplicate),
        ("retried", totals.alerts_retried),
        ("rejected", totals.alerts_rejected),
        ("taken", totals.alerts_taken),
        ("quarantined", totals.alerts_quarantined),
    ]
    .map(|(result, count)| (with(job(key), "result", result), count))
}

fn faults<'a>((key, totals): (&'a String, &'a Totals)) -> impl Iterator<Item = (Labels<'a>, u64)> {
    let faults = totals.faults.iter();
    faults.map(|(reason, count)| (with(job(key), "reason", reason.as_str()), *count))
}

fn undecided<'a>(
    (key, totals): (&'a String, &'a Totals),
) -> impl Iterator<Item = (Labels<'a>, u64)> {
    let undecided = totals.undecided.iter();
    undecided.map(|(gap, count)| (with(job(key), "reason", gap.word()), *count))
}

fn job(key: &str) -> Labels<'_> {
    let (namespace, name) = key.split_once('/').unwrap_or(("", key));
    vec![("namespace", namespace), ("job", name)]
}

fn with<'a>(mut labels: Labels<'a>, name: &'static str, value: &'a str) -> Labels<'a> {
    labels.push((name, value));
    labels
}

fn counter<'a>(
    out: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
) -> fmt::Result {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in samples {
        sample(&mut family, &labels, &ConstCounter::new(value))?;
    }
    Ok(())
}

fn gauge<'a>(
    out: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (Labels<'a>, i64)>,
) -> fmt::Result {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in samples {
        sample(&mut family, &labels, &ConstGauge::new(value))?;
    }
    Ok(())
}

fn sample(
    family: &mut MetricEncoder,
    labels: &Labels<'_>,
    value: &impl EncodeMetric,
) -> fmt::Result {
    value.encode(family.encode_family(labels)?)
}

#[cfg(test)]
mod tests;
