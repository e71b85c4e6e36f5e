//! Faults on demand: a proxy in front of a real server that fails as servers and networks do.
//!
//! The worst faults are not those of a network. A write that is done but whose answer is lost, one
//! refused item among five hundred, an answer that says 200 and is not whole: these need a proxy
//! that understands what it passes on. It does what its rules say, in their order, and writes down
//! every request, so that a test can also ask what was *not* sent.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use k8scop_testbed::faults::{Act, On, Proxy};
//!
//! let proxy = Proxy::before_search("http://127.0.0.1:9200").await?;
//! proxy.rule(On::post("*/_bulk").nth(2), Act::LoseAnswer);
//! proxy.rule(On::post("*/_search*").chance(0.05), Act::bad_gateway());
//! println!("point the client to {}", proxy.url());
//! # Ok(())
//! # }
//! ```

mod act;
mod answer;
mod bulk;
mod forward;
mod journal;
mod kubeconfig;
mod proxy;
mod rule;
mod script;
mod tls;
mod watch;
mod weather;

pub use act::{Act, Items};
pub use answer::Answer;
pub use journal::Exchange;
pub use proxy::Proxy;
pub use rule::On;
pub use tls::{Authority, Identity};
pub use watch::Watched;
pub use weather::{bad_weather, worst_weather};
