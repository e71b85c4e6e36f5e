//! The tools that are compared, as a run treats them: all alike.

use crate::{
    elastalert::{Buffer, ElastAlert},
    events::Pair,
    k8scop::K8sCop,
};

pub enum Tool {
    K8sCop(K8sCop),
    ElastAlert(ElastAlert, Buffer),
}

impl Tool {
    pub fn name(&self) -> String {
        match self {
            Tool::K8sCop(_) => "K8sCop".to_owned(),
            Tool::ElastAlert(_, buffer) => {
                format!("ElastAlert2, buffer_time {} min", buffer.minutes())
            }
        }
    }

    pub async fn start(&mut self) {
        match self {
            Tool::K8sCop(tool) => tool.start().await,
            Tool::ElastAlert(tool, _) => tool.start(),
        }
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        match self {
            Tool::K8sCop(tool) => tool.kill().await,
            Tool::ElastAlert(tool, _) => tool.kill().await,
        }
    }

    /// Whether it follows its source.
    pub async fn is_ready(&self) -> bool {
        match self {
            Tool::K8sCop(tool) => tool.is_ready().await,
            Tool::ElastAlert(tool, _) => tool.is_ready().await,
        }
    }

    /// Everything it has alerted so far, doubles included; nothing where that is not known.
    pub async fn alerts(&self) -> Option<Vec<Pair>> {
        match self {
            Tool::K8sCop(tool) => tool.alerts().await,
            Tool::ElastAlert(tool, _) => Some(tool.alerts()),
        }
    }
}
