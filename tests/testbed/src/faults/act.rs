//! What a proxy does to a request.

use std::{fmt, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{answer::Answer, watch::Watched};

/// What happens to a request instead of being passed on and answered.
#[derive(Clone)]
pub enum Act {
    /// The connection is reset before the request reached the server.
    Refuse,
    /// The request is done, but its answer is lost: the connection is reset.
    LoseAnswer,
    /// Nothing is passed on and no answer comes.
    Hang,
    /// The request is passed on after a pause.
    Delay(Duration),
    /// The request does not reach the server; this is the answer.
    Answer(Answer),
    /// The request is done, but this is the answer.
    DoneBut(Answer),
    /// Only so many bytes of the answer's body come, in a response that is whole as HTTP.
    Truncate(usize),
    /// The connection is reset after so many bytes of the answer's body.
    Cut(usize),
    /// The answer's body comes in pieces of so many bytes, with a pause before each.
    Drip(usize, Duration),
    /// The JSON of the answer is changed.
    Edit(&'static str, Arc<dyn Fn(&mut Value) + Send + Sync>),
    /// Some items of a bulk request are refused.
    Items(Items),
    /// The events of a watch of Kubernetes objects are tampered with.
    Watch(Watched),
}

/// Items of a bulk request that are refused.
#[derive(Clone, Debug)]
pub struct Items {
    pub(super) status: u16,
    pub(super) every: usize,
    pub(super) offset: usize,
    pub(super) done: bool,
}

impl Items {
    /// Only the n-th item, counted from 0, answered with a status that servers give to items: 400,
    /// 403, 409, 429 or 503.
    pub fn nth(n: usize, status: u16) -> Items {
        Items {
            status,
            every: usize::MAX,
            offset: n,
            done: false,
        }
    }

    /// Every k-th item, from the first on.
    pub fn every(k: usize, status: u16) -> Items {
        Items {
            every: k,
            ..Items::nth(0, status)
        }
    }

    /// The items are written although they are answered so.
    pub fn although_done(mut self) -> Items {
        self.done = true;
        self
    }

    pub(super) fn hit(&self, number: usize) -> bool {
        number >= self.offset && (number - self.offset).is_multiple_of(self.every)
    }
}

impl Act {
    /// 429 with `Retry-After`, as an overloaded server answers.
    pub fn too_many_requests(retry_after_seconds: u32) -> Act {
        Act::Answer(
            Answer::error(429, "es_rejected_execution_exception").retry_after(retry_after_seconds),
        )
    }

    /// 401: who we are is not known.
    pub fn unauthorized() -> Act {
        Act::Answer(Answer::error(401, "security_exception"))
    }

    /// 403: what we are is not enough.
    pub fn forbidden() -> Act {
        Act::Answer(Answer::error(403, "security_exception"))
    }

    /// 502 in HTML, as a proxy between answers.
    pub fn bad_gateway() -> Act {
        Act::Answer(Answer::html(502))
    }

    /// 503 as a server without its shards answers.
    pub fn unavailable() -> Act {
        Act::Answer(Answer::error(503, "no_shard_available_action_exception"))
    }

    /// 302 to another place.
    pub fn redirect(target: &str) -> Act {
        Act::Answer(Answer::html(302).header("location", target))
    }

    /// The answer says that it took too long to be whole.
    pub fn timed_out() -> Act {
        Act::edit("timed_out", |answer| answer["timed_out"] = json!(true))
    }

    /// The answer says that one shard failed.
    pub fn shard_failed() -> Act {
        Act::edit("shard failed", |answer| {
            answer["_shards"]["failed"] = json!(1);
        })
    }

    /// The answer has no hits because it asked no shard.
    pub fn no_shards() -> Act {
        Act::edit("no shards", |answer| {
            answer["_shards"] = json!({"total": 0, "successful": 0, "skipped": 0, "failed": 0});
            answer["hits"] = json!({"total": {"value": 0, "relation": "eq"}, "hits": []});
        })
    }

    /// The request is done, but a page of HTML answers with 200.
    pub fn wrong_content_type() -> Act {
        Act::DoneBut(Answer::html(200))
    }

    /// A change of the answer's JSON.
    pub fn edit(name: &'static str, edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Act {
        Act::Edit(name, Arc::new(edit))
    }

    /// How the act is called in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Act::Refuse => "refuse",
            Act::LoseAnswer => "lose answer",
            Act::Hang => "hang",
            Act::Delay(_) => "delay",
            Act::Answer(answer) => answer.name(),
            Act::DoneBut(_) => "done, but another answer",
            Act::Truncate(_) => "truncate",
            Act::Cut(_) => "cut",
            Act::Drip(..) => "drip",
            Act::Edit(name, _) => name,
            Act::Items(items) if items.done => "items refused, but done",
            Act::Items(_) => "items refused",
            Act::Watch(watched) => watched.name(),
        }
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
