//! Finding manifests on the disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    /// Where it lies, as the user named it.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

/// A path that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", .path.display())]
pub struct ReadError {
    path: PathBuf,
    source: io::Error,
}

/// Reads the files that paths name. Of a folder these are all files below it that end in `.yaml`,
/// `.yml` or `.json`, but kustomizations, in the order of their names; `-` is standard input.
pub fn read(paths: &[PathBuf]) -> Result<Vec<ManifestFile>, ReadError> {
    let mut files = Vec::new();
    for path in paths {
        find(path, &mut files).map_err(|source| ReadError {
            path: path.clone(),
            source,
        })?;
    }
    files.into_iter().map(read_file).collect()
}

fn find(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            find(&entry, files)?;
        } else if is_manifest(&entry) {
            files.push(entry);
        }
    }
    Ok(())
}

fn is_manifest(path: &Path) -> bool {
    let kustomization = path.file_stem().is_some_and(|stem| stem == "kustomization");
    let extension = path.extension().and_then(|extension| extension.to_str());
    !kustomization && matches!(extension, Some("yaml" | "yml" | "json"))
}

fn read_file(path: PathBuf) -> Result<ManifestFile, ReadError> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(&path)
    };
    match text {
        Ok(text) => Ok(ManifestFile { path, text }),
        Err(source) => Err(ReadError { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_manifests_in_the_order_of_names() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::create_dir(folder.path().join("b")).expect("a folder can be made");
        for name in [
            "c.yaml",
            "b/x.yml",
            "a.json",
            "README.md",
            "kustomization.yaml",
        ] {
            fs::write(folder.path().join(name), name).expect("a file can be written");
        }
        let found: Vec<_> = read(&[folder.path().to_owned()])
            .expect("the folder can be read")
            .into_iter()
            .map(|file| file.text)
            .collect();
        assert_eq!(found, ["a.json", "b/x.yml", "c.yaml"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(&["no/such.yaml".into()]).expect_err("there is no such file");
        assert_eq!(error.to_string(), "cannot read no/such.yaml");
    }
}
