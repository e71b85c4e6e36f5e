//! The real servers K8sCop is tested against: etcd and kube-apiserver, Elasticsearch, OpenSearch.
//!
//! Nothing here is a mock and nothing comes from a container registry. Each server is built from
//! its published sources or jars, once, into a cache folder outside the checkout, and started on
//! free ports of the loopback interface. A started server dies with the process that started it,
//! however that process ends.
//!
//! The developer's own `KUBECONFIG` and `ELASTICSEARCH_URL` are deliberately ignored: a test must
//! never write to somebody's production. Only the `K8SCOP_TEST_*` variables, as printed by
//! `testbed up`, lead the tests to servers that run already.

mod cache;
mod control_plane;
mod elastalert;
pub mod faults;
mod flavor;
mod go;
mod http;
mod identities;
mod jdk;
mod process;
mod run_folder;
mod search_server;
mod valgrind;

pub use control_plane::{ControlPlane, build_control_plane, shared_control_plane};
pub use elastalert::{ELASTALERT_VERSION, elastalert};
pub use flavor::Flavor;
pub use go::{Tool, tool};
pub use search_server::{SearchServer, build_search_server, shared_search_server};
pub use valgrind::Valgrind;
