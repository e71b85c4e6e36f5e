//! The built-in rules, as they are applied to a cluster with `kubectl apply -k manifests/rules`.

/// The namespace that `manifests/rules/kustomization.yaml` gives the built-in rules.
pub const NAMESPACE: &str = "k8scop";

macro_rules! embed {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../manifests/rules/", $file)))),*]
    };
}

/// Name and text of each manifest, in the order of names.
pub const MANIFESTS: &[(&str, &str)] = embed![
    "anonymous-access.yaml",
    "audit-event-incomplete.yaml",
    "cluster-admin-binding.yaml",
    "describe-pod.yaml",
    "enum-all-namespaces.yaml",
    "enum-cluster-scope.yaml",
    "enum-namespace.yaml",
    "enum-permissions.yaml",
    "enum-rbac.yaml",
    "host-path.yaml",
    "pod-attach.yaml",
    "pod-exec.yaml",
    "pod-port-forward.yaml",
    "privileged-pod.yaml",
    "secret-read.yaml",
    "secrets-list.yaml",
    "secrets-refused.yaml",
    "tamper-kubectl.yaml",
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_rule_of_the_folder_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/rules");
        let mut files: Vec<_> = fs::read_dir(folder)
            .expect("the folder is there")
            .map(|entry| entry.expect("the folder can be read").file_name())
            .map(|name| name.into_string().expect("names are ASCII"))
            .filter(|name| name != "kustomization.yaml")
            .collect();
        files.sort();
        let embedded: Vec<_> = MANIFESTS.iter().map(|(name, _)| *name).collect();
        assert_eq!(embedded, files);
    }
}
