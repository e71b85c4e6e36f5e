//! The documents say nothing that nobody can follow: every relative link leads somewhere, and
//! every test that is named as a proof exists.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A link of a document: its text, and where it leads.
struct Link {
    text: String,
    target: String,
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_folder = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("the folder can be read");
        entries
            .map(|entry| entry.expect("an entry can be read").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .collect::<Vec<_>>()
    };
    [in_folder(root), in_folder(&root.join("docs"))].concat()
}

fn links(document: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut fenced = false;
    for line in document.lines() {
        fenced ^= line.starts_with("```");
        if fenced {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let before = &line[..at];
            let Some(open) = before.rfind('[') else {
                continue;
            };
            let rest = &line[at + 2..];
            let Some(close) = rest.find(')') else {
                continue;
            };
            links.push(Link {
                text: before[open + 1..].to_owned(),
                target: rest[..close].to_owned(),
            });
        }
    }
    links
}

/// The file that a link leads to; none where it leads to the web or within its own page.
fn file(document: &Path, link: &Link) -> Option<PathBuf> {
    let path = link.target.split('#').next().unwrap_or_default();
    let elsewhere = path.is_empty() || path.contains("://");
    (!elsewhere).then(|| document.parent().expect("a file has a folder").join(path))
}

#[test]
fn every_relative_link_leads_to_a_file() {
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document is text");
        for link in links(&text) {
            if let Some(file) = file(&document, &link) {
                let (document, target) = (document.display(), &link.target);
                assert!(file.exists(), "{document}: nothing is at {target}");
            }
        }
    }
}

/// A test is named by a link whose text is its function and whose target is its file.
#[test]
fn every_proof_of_delivery_is_a_test_that_exists() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/delivery.md");
    let text = fs::read_to_string(&document).expect("the document is there");
    let mut proofs = 0;
    for link in links(&text) {
        let name = link.text.trim_matches('`');
        let is_test = link.text.starts_with('`') && link.target.ends_with(".rs");
        if let Some(file) = file(&document, &link).filter(|_| is_test) {
            let code = fs::read_to_string(&file).expect("a test's file is text");
            let (written, target) = (code.contains(&format!("fn {name}(")), &link.target);
            assert!(written, "{target} has no test {name}");
            proofs += 1;
        }
    }
    assert!(proofs > 20, "{proofs} proofs are named");
}
