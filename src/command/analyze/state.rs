//! The checkpoint of an analysis in a file, so that it goes on where it was interrupted.
//!
//! Promises: the file holds a whole state at any time, for it is replaced and never changed; a
//! state is used only for the analysis that it was made by, and by one process at a time.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant};

use crate::pipeline::{
    plan::{Plan, Range},
    progress::Checkpoint,
};

/// Of the form that is described here.
const VERSION: u32 = 1;
/// A state is written at most this often.
const PACE: Duration = Duration::from_secs(10);

/// Why a state cannot be used or kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    #[error("cannot read the state {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("cannot write the state {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    #[error("{} is used by another analysis that runs now", .0.display())]
    InUse(PathBuf),
    #[error(
        "{} holds no state of an analysis: name another file, or remove it to begin anew",
        .0.display()
    )]
    Garbage(PathBuf),
    #[error(
        "{} has the form {found} of another version of k8scop, this one reads {VERSION}: remove it \
         to begin anew",
        path.display()
    )]
    Version { path: PathBuf, found: u32 },
    #[error("{} is the state of another analysis ({differences}): name another file", path.display())]
    Foreign { path: PathBuf, differences: String },
}

/// What a state is a state of, in terms of flags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Subject {
    elastic: String,
    pages: String,
    alerts: String,
    start: Timestamp,
    /// None for streaming analysis.
    end: Option<Timestamp>,
    timestamp_field: String,
    filter: Vec<String>,
    layout: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layout_path: Option<String>,
}

impl Subject {
    /// What a plan does with the server at this origin.
    pub(super) fn new(origin: String, plan: &Plan) -> Self {
        let (start, end) = match plan.range {
            Range::Static { start, end } => (start, Some(end)),
            Range::Streaming { start } => (start, None),
        };
        let filter = plan.source.filter.iter();
        Self {
            elastic: origin,
            pages: plan.source.index.clone(),
            alerts: plan.sink.index.clone(),
            start,
            end,
            timestamp_field: plan.source.timestamp_field.clone(),
            filter: filter
                .flat_map(|term| {
                    term.values
                        .iter()
                        .map(|value| format!("{}={value}", term.field))
                })
                .collect(),
            layout: format!("{:?}", plan.source.layout).to_lowercase(),
            layout_path: plan.source.layout_path.as_ref().map(ToString::to_string),
        }
    }

    /// What differs, in terms of flags.
    fn differences(&self, now: &Self) -> String {
        let end = |subject: &Self| match subject.end {
            Some(end) => end.to_string(),
            None => "none".to_owned(),
        };
        let path = |subject: &Self| subject.layout_path.clone().unwrap_or("none".to_owned());
        let flags = [
            ("--elastic", self.elastic.clone(), now.elastic.clone()),
            ("--pages", self.pages.clone(), now.pages.clone()),
            ("--alerts", self.alerts.clone(), now.alerts.clone()),
            ("--start", self.start.to_string(), now.start.to_string()),
            ("--end", end(self), end(now)),
            (
                "--timestamp-field",
                self.timestamp_field.clone(),
                now.timestamp_field.clone(),
            ),
            ("--filter", self.filter.join(" "), now.filter.join(" ")),
            ("--layout", self.layout.clone(), now.layout.clone()),
            ("--layout-path", path(self), path(now)),
        ];
        let differing = flags.iter().filter(|(_, before, now)| before != now);
        let words: Vec<_> = differing
            .map(|(flag, before, now)| format!("{flag} was '{before}', not '{now}'"))
            .collect();
        words.join(", ")
    }
}

/// How far an analysis has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct State {
    version: u32,
    analysis: Subject,
    /// Revision of its rules.
    rules: String,
    /// Whether all of a static range is done.
    complete: bool,
    checkpoint: Checkpoint,
}

/// Where an analysis begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// At its start: there is no state yet.
    New,
    /// At its start: the state is one of other rules, and a static range has the alerts of one set
    /// of rules.
    RulesChanged,
    /// Where it was interrupted.
    At(Box<Checkpoint>),
    /// It was finished before.
    Complete,
}

/// The file of a state.
pub(super) struct StateFile {
    path: PathBuf,
    /// Held as long as this process may write the state.
    _lock: File,
    state: Option<State>,
    written: Option<Instant>,
}

/// A state that may be written.
pub(super) struct OpenState {
    file: StateFile,
    analysis: Subject,
    rules: String,
}

impl StateFile {
    /// Takes the file for this process, and reads the state in it if there is one.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        let lock_path = beside(path, "lock");
        let write_error = |source| StateError::Write(lock_path.clone(), source);
        let lock = File::create(&lock_path).map_err(write_error)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(write_error(source)),
        }
        Ok(Self {
            state: read(path)?,
            path: path.to_owned(),
            _lock: lock,
            written: None,
        })
    }

    /// The range that the state is about; without an end for streaming analysis.
    pub(super) fn span(&self) -> Option<(Timestamp, Option<Timestamp>)> {
        let subject = self.state.as_ref().map(|state| &state.analysis);
        subject.map(|subject| (subject.start, subject.end))
    }

    /// Where this analysis begins with these rules. A state of another analysis is refused.
    pub(super) fn begin(
        self,
        analysis: Subject,
        rules: &str,
    ) -> Result<(Beginning, OpenState), StateError> {
        let beginning = match &self.state {
            None => Beginning::New,
            Some(state) if state.analysis != analysis => {
                return Err(StateError::Foreign {
                    differences: state.analysis.differences(&analysis),
                    path: self.path,
                });
            }
            Some(state) if analysis.end.is_some() && state.rules != rules => {
                Beginning::RulesChanged
            }
            Some(state) if state.complete => Beginning::Complete,
            Some(state) => Beginning::At(Box::new(state.checkpoint.clone())),
        };
        let open = OpenState {
            file: self,
            analysis,
            rules: rules.to_owned(),
        };
        Ok((beginning, open))
    }
}

impl OpenState {
    /// Keeps a checkpoint, unless another one was kept a moment ago.
    pub(super) fn offer(
        &mut self,
        checkpoint: &Checkpoint,
        now: Instant,
    ) -> Result<(), StateError> {
        let is_due = self
            .file
            .written
            .is_none_or(|written| written + PACE <= now);
        if is_due {
            self.keep(checkpoint, false, now)?;
        }
        Ok(())
    }

    /// Keeps a checkpoint, and that all is done if it is.
    pub(super) fn keep(
        &mut self,
        checkpoint: &Checkpoint,
        complete: bool,
        now: Instant,
    ) -> Result<(), StateError> {
        let state = State {
            version: VERSION,
            analysis: self.analysis.clone(),
            rules: self.rules.clone(),
            complete,
            checkpoint: checkpoint.clone(),
        };
        // A disk that refuses is not asked again at once.
        self.file.written = Some(now);
        if self.file.state.as_ref() != Some(&state) {
            let path = &self.file.path;
            replace(path, &state).map_err(|source| StateError::Write(path.clone(), source))?;
            self.file.state = Some(state);
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Option<State>, StateError> {
    #[derive(Deserialize)]
    struct Form {
        version: u32,
    }
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StateError::Read(path.to_owned(), error)),
    };
    let garbage = |_| StateError::Garbage(path.to_owned());
    let Form { version } = serde_json::from_slice(&text).map_err(garbage)?;
    if version != VERSION {
        return Err(StateError::Version {
            path: path.to_owned(),
            found: version,
        });
    }
    serde_json::from_slice(&text).map(Some).map_err(garbage)
}

/// Puts a whole new file in the place of the old one.
fn replace(path: &Path, state: &State) -> io::Result<()> {
    let new = beside(path, "new");
    let mut file = File::create(&new)?;
    serde_json::to_writer_pretty(&mut file, state)?;
    writeln!(file)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// `state.json.lock` for `state.json`.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}
