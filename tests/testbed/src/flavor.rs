//! The kinds of search servers: what each is made of and how its JVM is started.

use std::ffi::OsString;
use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{Artefact, run_build_step};
use crate::jdk::Jdk;

/// A kind of search server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// Elasticsearch 9.5. Its modules are not published, so it has no `GET /`, no security, no
    /// ingest processors, no scripts but expressions, no lifecycle management and no reindex.
    Elasticsearch9,
    /// OpenSearch 3.8 with all modules.
    OpenSearch3,
    /// Elasticsearch 7.10, the oldest server K8sCop answers for.
    Elasticsearch7,
}

impl Flavor {
    /// The variable that leads the tests to a server that runs already.
    pub fn url_variable(self) -> &'static str {
        match self {
            Flavor::Elasticsearch9 => "K8SCOP_TEST_ELASTICSEARCH_URL",
            Flavor::OpenSearch3 => "K8SCOP_TEST_OPENSEARCH_URL",
            Flavor::Elasticsearch7 => "K8SCOP_TEST_ELASTICSEARCH7_URL",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Flavor::OpenSearch3 => "opensearch",
            Flavor::Elasticsearch9 | Flavor::Elasticsearch7 => "elasticsearch",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Flavor::Elasticsearch9 => "9.5.3",
            Flavor::OpenSearch3 => "3.8.0",
            Flavor::Elasticsearch7 => "7.10.2",
        }
    }

    /// The versions of Java the server runs on. 7.10 needs the security manager of old.
    fn java_versions(self) -> RangeInclusive<u32> {
        match self {
            Flavor::Elasticsearch9 | Flavor::OpenSearch3 => 21..=u32::MAX,
            Flavor::Elasticsearch7 => 11..=17,
        }
    }

    /// The program that starts one node; none of the distributions' launchers is published.
    fn main_class(self) -> &'static str {
        match self {
            Flavor::Elasticsearch9 => include_str!("../maven/elasticsearch9/TestServer.java"),
            Flavor::OpenSearch3 => include_str!("../maven/opensearch3/TestServer.java"),
            Flavor::Elasticsearch7 => include_str!("../maven/elasticsearch7/TestServer.java"),
        }
    }

    /// The texts of the Maven projects, each with the folder its jars go to.
    fn poms(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Flavor::Elasticsearch9 => &[
                (
                    "lib",
                    include_str!("../maven/elasticsearch9/server/pom.xml"),
                ),
                (NETTY, include_str!("../maven/elasticsearch9/http/pom.xml")),
            ],
            Flavor::OpenSearch3 => &[("lib", include_str!("../maven/opensearch3/pom.xml"))],
            Flavor::Elasticsearch7 => &[("lib", include_str!("../maven/elasticsearch7/pom.xml"))],
        }
    }

    /// The JDK to run the server with.
    pub(crate) fn jdk(self) -> Result<Jdk> {
        Jdk::find(&self.java_versions())
    }

    /// The folder with the server's jars, filled if this machine has not got them yet. Blocks.
    pub(crate) fn home(self) -> Result<PathBuf> {
        let mut inputs = vec![self.main_class().to_owned()];
        for (folder, pom) in self.poms() {
            inputs.extend([folder.to_string(), pom.to_string()]);
        }
        if self == Flavor::Elasticsearch9 {
            inputs.push(NETTY_DESCRIPTOR.to_owned());
        }
        let artefact = Artefact {
            name: self.name(),
            version: self.version(),
            inputs,
            remark: "the first time takes about half a minute",
        };
        artefact.get(|home| self.build(home))
    }

    fn build(self, home: &Path) -> Result<()> {
        for (folder, pom) in self.poms() {
            let pom_file = home.join("pom.xml");
            fs::write(&pom_file, pom)?;
            let mut maven = Command::new("mvn");
            maven
                .args(["--batch-mode", "--no-transfer-progress", "--file"])
                .arg(&pom_file);
            maven.args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
            maven.arg(format!("-DoutputDirectory={}", home.join(folder).display()));
            run_build_step(&mut maven, "install Maven 3.8 or newer")?;
            fs::remove_file(pom_file)?;
        }
        if self == Flavor::Elasticsearch9 {
            fs::write(
                home.join(NETTY).join("plugin-descriptor.properties"),
                NETTY_DESCRIPTOR,
            )?;
            // It looks for plugins and ends if there is no folder for them.
            fs::create_dir(home.join("plugins"))?;
        }
        let source = home.join("TestServer.java");
        fs::write(&source, self.main_class())?;
        let release = self.java_versions().start().to_string();
        let mut javac = Command::new(self.jdk()?.javac());
        javac.args(["--release", &release, "-proc:none", "-nowarn", "-cp"]);
        javac
            .arg(home.join("lib/*"))
            .arg("-d")
            .arg(home.join("classes"))
            .arg(source);
        run_build_step(&mut javac, "install a JDK")
    }

    /// The command line of the JVM, for a server with its settings and data in `run`.
    pub(crate) fn java_arguments(self, home: &Path, run: &Path) -> Result<Vec<OsString>> {
        let mut arguments: Vec<OsString> = Vec::new();
        let heap = if self == Flavor::Elasticsearch7 {
            "-Xmx512m"
        } else {
            "-Xmx1g"
        };
        // A server that lives for a minute starts in half the time without the second compiler.
        let common = [
            "-Xms128m",
            heap,
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
        ];
        arguments.extend(common.map(OsString::from));
        arguments.push(property(
            "log4j2.configurationFile",
            &run.join("config/log4j2.properties"),
        ));
        if self == Flavor::Elasticsearch9 {
            let access = "ALL-UNNAMED,org.elasticsearch.nativeaccess,org.elasticsearch.foreign,\
                org.apache.lucene.core";
            let modules = "org.elasticsearch.server,jdk.net,jdk.management,java.management,\
                jdk.unsupported";
            arguments.push(property("es.nativelibs.path", &native_libraries(run)?));
            // The library for vectors is not published.
            arguments.push("-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false".into());
            arguments.push(format!("--enable-native-access={access}").into());
            arguments.extend(["--module-path".into(), home.join("lib").into()]);
            arguments.extend(["--add-modules".into(), modules.into()]);
            arguments.extend(["-cp".into(), home.join("classes").into()]);
            arguments.extend(["TestServer".into(), home.into(), run.into()]);
        } else {
            let class_path = std::env::join_paths([home.join("classes"), home.join("lib/*")])?;
            arguments.extend(["-cp".into(), class_path, "TestServer".into(), run.into()]);
        }
        Ok(arguments)
    }
}

const NETTY: &str = "modules/transport-netty4";

const NETTY_DESCRIPTOR: &str = "\
name=transport-netty4
description=HTTP and transport by Netty
version=9.5.3
elasticsearch.version=9.5.3
java.version=21
classname=org.elasticsearch.transport.netty4.Netty4Plugin
modulename=org.elasticsearch.transport.netty4
has.native.controller=false
licensed=false
";

fn property(name: &str, path: &Path) -> OsString {
    let mut property = OsString::from(format!("-D{name}="));
    property.push(path);
    property
}

/// A folder with the native library Elasticsearch 9 compresses with. The distribution brings its
/// own; without one a shard fails on the first document if it is to be compressed well.
fn native_libraries(run: &Path) -> Result<PathBuf> {
    let folders = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
    ];
    let mut libraries = folders
        .iter()
        .map(|folder| Path::new(folder).join("libzstd.so.1"));
    let library = libraries.find(|library| library.is_file());
    let library =
        library.context("libzstd.so.1 is not under /usr/lib: install the zstd library")?;
    let native = run.join("native");
    if !native.is_dir() {
        fs::create_dir(&native)?;
        symlink(library, native.join("libzstd.so"))?;
    }
    Ok(native)
}
