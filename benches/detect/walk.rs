//! The reader alone: one pass over a document for some fields, without any rule.

use k8scop::detect::reading::{self, Leaves, NodeId, Plan};

/// A bare walk for some fields.
pub struct Walk {
    plan: Plan,
    nodes: Vec<NodeId>,
    leaves: Leaves,
}

impl Walk {
    /// A walk for fields that are paths of names.
    pub fn new(fields: &[impl AsRef<str>]) -> Self {
        let mut plan = Plan::new(|_| false);
        let mut want = |field: &str| {
            let node = plan.node(&field.split('.').collect::<Vec<_>>());
            plan.node_mut(node).is_wanted = true;
            node
        };
        let nodes = fields.iter().map(|field| want(field.as_ref())).collect();
        Self {
            plan,
            nodes,
            leaves: Leaves::default(),
        }
    }

    /// Walks through a document; tells how many values it found.
    #[allow(dead_code, reason = "not every measurement needs it")]
    pub fn find(&mut self, source: &str) -> usize {
        reading::read(source, &self.plan, &mut self.leaves).expect("the document is read");
        let nodes = self.nodes.iter();
        nodes.map(|node| self.leaves.count(*node)).sum()
    }

    /// The same, and visits the decoded values with the number of their field.
    pub fn visit(&mut self, source: &str, mut visit: impl FnMut(usize, &str)) {
        let text = reading::read(source, &self.plan, &mut self.leaves);
        let text = text.expect("the document is read");
        for (field, node) in self.nodes.iter().enumerate() {
            for value in self.leaves.texts(*node, text) {
                visit(field, value);
            }
        }
    }
}
