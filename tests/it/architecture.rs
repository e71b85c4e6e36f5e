//! The layers of `ARCHITECTURE.md`, held against the source.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const MOST_LINES: usize = 400;

/// What a layer's files may not mention.
struct Layer {
    folder: &'static str,
    forbidden: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    Layer {
        folder: "detect",
        forbidden: &[
            "kube",
            "k8s_openapi",
            "elasticsearch",
            "tokio",
            "clap",
            "std::fs",
            "std::env",
            "std::net::TcpStream",
            "std::time::SystemTime",
            "std::time::Instant",
            "crate::pipeline",
            "crate::elastic",
            "crate::local",
            "crate::api",
            "crate::controller",
            "crate::command",
            "crate::cli",
        ],
    },
    Layer {
        folder: "pipeline",
        forbidden: &[
            "kube",
            "k8s_openapi",
            "elasticsearch",
            "clap",
            "crate::elastic",
            "crate::local",
            "crate::api",
            "crate::controller",
            "crate::command",
            "crate::cli",
        ],
    },
    Layer {
        folder: "elastic",
        forbidden: &[
            "kube",
            "k8s_openapi",
            "clap",
            "crate::local",
            "crate::api",
            "crate::controller",
            "crate::command",
            "crate::cli",
        ],
    },
    Layer {
        folder: "local",
        forbidden: &[
            "kube",
            "k8s_openapi",
            "elasticsearch",
            "clap",
            "crate::elastic",
            "crate::api",
            "crate::controller",
            "crate::command",
            "crate::cli",
        ],
    },
    Layer {
        folder: "api",
        forbidden: &[
            "tokio",
            "elasticsearch",
            "clap",
            "kube::Client",
            "kube::client",
            "kube::Api",
            "crate::elastic",
            "crate::local",
            "crate::controller",
            "crate::command",
            "crate::cli",
        ],
    },
    Layer {
        folder: "controller",
        forbidden: &[
            "elasticsearch",
            "clap",
            "crate::elastic",
            "crate::local",
            "crate::command",
            "crate::cli",
        ],
    },
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            if !path.ends_with("target") {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the file can be read")
}

/// The paths that the `use` declarations of a file name, groups written out:
/// `use a::{b, c::d};` gives `a::b` and `a::c::d`.
fn used_paths(source: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find("use ") {
        let at_line_start = rest[..start].rsplit('\n').next().is_some_and(|before| {
            matches!(before.trim(), "" | "pub" | "pub(crate)" | "pub(super)")
        });
        rest = &rest[start + 4..];
        if at_line_start && let Some(end) = rest.find(';') {
            write_out("", &rest[..end], &mut paths);
        }
    }
    paths
}

fn write_out(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    match tree.find('{') {
        None => paths.push(format!("{prefix}{}", tree.trim_start_matches("::"))),
        Some(open) => {
            let prefix = format!("{prefix}{}", tree[..open].trim());
            let inner = tree[open + 1..].trim_end().trim_end_matches('}');
            let (mut depth, mut start) = (0, 0);
            for (at, character) in inner.char_indices() {
                match character {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        write_out(&prefix, &inner[start..at], paths);
                        start = at + 1;
                    }
                    _ => {}
                }
            }
            if !inner[start..].trim().is_empty() {
                write_out(&prefix, &inner[start..], paths);
            }
        }
    }
}

fn names(path: &str, forbidden: &str) -> bool {
    path == forbidden || path.starts_with(&format!("{forbidden}::"))
}

#[test]
fn the_reader_of_use_lines_sees_groups_and_visibility() {
    let source = "use a::{b, c::{d, e}};\npub use f::g;\n// no use h;\nlet reuse = 1;\n";
    assert_eq!(used_paths(source), ["a::b", "a::c::d", "a::c::e", "f::g"]);
}

#[test]
fn no_layer_uses_what_lies_above_it() {
    let mut offences = Vec::new();
    for layer in LAYERS {
        for file in rust_files(&root().join("src").join(layer.folder)) {
            for path in used_paths(&read(&file)) {
                for forbidden in layer.forbidden {
                    if names(&path, forbidden) {
                        offences.push(format!("{} uses {path}", file.display()));
                    }
                }
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn detection_never_asks_for_the_time() {
    let asking: Vec<_> = rust_files(&root().join("src/detect"))
        .into_iter()
        .filter(|file| {
            let source = read(file);
            source.contains("::now()")
        })
        .collect();
    assert!(asking.is_empty(), "{asking:?}");
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let long: Vec<_> = ["src", "tests", "benches"]
        .iter()
        .map(|folder| root().join(folder))
        .filter(|folder| folder.exists())
        .flat_map(|folder| rust_files(&folder))
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_source_file_is_reached_by_a_module() {
    let mut reached = BTreeSet::new();
    for start in ["src/lib.rs", "src/main.rs"] {
        follow(&root().join(start), &mut reached);
    }
    let orphans: Vec<_> = rust_files(&root().join("src"))
        .into_iter()
        .filter(|file| !reached.contains(file))
        .collect();
    assert!(orphans.is_empty(), "{orphans:#?}");
}

/// Follows the `mod name;` lines of a file.
fn follow(file: &Path, reached: &mut BTreeSet<PathBuf>) {
    if !file.exists() || !reached.insert(file.to_owned()) {
        return;
    }
    let parent = file.parent().expect("a file has a folder");
    let stem = file
        .file_stem()
        .expect("a file has a name")
        .to_string_lossy();
    let folder = match stem.as_ref() {
        "lib" | "main" | "mod" => parent.to_owned(),
        name => parent.join(name),
    };
    for line in read(file).lines() {
        let declaration = line
            .trim_start()
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ");
        if let Some(name) = declaration
            .strip_prefix("mod ")
            .and_then(|rest| rest.strip_suffix(';'))
        {
            follow(&folder.join(format!("{name}.rs")), reached);
            follow(&folder.join(name).join("mod.rs"), reached);
        }
    }
}
