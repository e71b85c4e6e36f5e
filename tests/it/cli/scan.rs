use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::Stdio,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ran, command, run, run_with};

/// An `exec` into a pod, which the built-in rules find.
fn exec(user: &str) -> Value {
    json!({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": "a-1",
        "stage": "ResponseComplete",
        "verb": "get",
        "requestURI": "/api/v1/namespaces/shop/pods/web-0/exec?command=id&container=web",
        "user": {"username": user, "groups": ["dev"]},
        "sourceIPs": ["203.0.113.9"],
        "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web-0"},
        "responseStatus": {"code": 101},
        "annotations": {"authorization.k8s.io/decision": "allow"},
        "requestReceivedTimestamp": "2026-11-23T07:00:00.123456Z",
    })
}

/// Something that nobody minds.
fn harmless() -> Value {
    json!({
        "kind": "Event",
        "auditID": "a-2",
        "stage": "ResponseComplete",
        "verb": "get",
        "requestURI": "/livez",
        "user": {"username": "system:node:n1"},
        "requestReceivedTimestamp": "2026-11-23T07:00:01.000000Z",
    })
}

const TABLE: &str = "\
TIME                   SEVERITY   CATEGORY   RULE       USER    MESSAGE
2026-11-23T07:00:00Z   Medium     Exec       pod-exec   alice   alice: exec in shop/web-0, container web: id
";
const SUMMARY: &str = "2 events, 1 alert of 1 rule (1 medium)\n";

/// Files in a folder that goes away with this.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.0.path().join(name);
        fs::write(&path, content).expect("a file can be written");
        path.to_string_lossy().into_owned()
    }
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer
        .write_all(text.as_bytes())
        .expect("memory can be written");
    packer.finish().expect("memory can be written")
}

#[test]
fn alerts_are_a_table_and_the_summary_stands_beside_it() {
    let files = Files::new();
    let events = files.write("audit.log", lines(&[exec("alice"), harmless()]));
    let expected = Ran {
        code: Some(0),
        out: TABLE.to_owned(),
        err: SUMMARY.to_owned(),
    };
    assert_eq!(run(&["scan", &events]), expected);
}

#[test]
fn however_events_are_packed_the_alerts_are_the_same() {
    let files = Files::new();
    let plain = lines(&[exec("alice"), harmless()]);
    let list = json!({"kind": "EventList", "items": [exec("alice"), harmless()]});
    let pretty = serde_json::to_string_pretty(&json!([exec("alice"), harmless()])).expect("JSON");
    let inputs = [
        files.write("gzip", gzip(&plain)),
        files.write(
            "members.gz",
            [gzip(&lines(&[exec("alice")])), gzip(&lines(&[harmless()]))].concat(),
        ),
        files.write(
            "zstd",
            zstd::encode_all(plain.as_bytes(), 1).expect("memory can be written"),
        ),
        files.write("list.json", list.to_string()),
        files.write("pretty.json", pretty),
    ];
    for input in &inputs {
        let expected = Ran {
            code: Some(0),
            out: TABLE.to_owned(),
            err: SUMMARY.to_owned(),
        };
        assert_eq!(run(&["scan", input]), expected, "{input}");
    }
    for args in [&["scan", "-"][..], &["scan"]] {
        let expected = Ran {
            code: Some(0),
            out: TABLE.to_owned(),
            err: SUMMARY.to_owned(),
        };
        assert_eq!(run_with(args, &gzip(&plain)), expected);
    }
}

#[test]
fn two_runs_print_the_same_bytes() {
    let files = Files::new();
    let mut undated = exec("bob");
    undated["requestReceivedTimestamp"] = Value::Null;
    let events = files.write("audit.log", lines(&[exec("alice"), undated, harmless()]));
    for output in ["table", "wide", "json"] {
        let args = ["scan", "-o", output, &events];
        let first = run(&args);
        assert_eq!(
            first.out.lines().count(),
            if output == "json" { 2 } else { 3 }
        );
        assert_eq!(first, run(&args));
    }
}

#[test]
fn an_alert_is_printed_once_however_often_its_event_is_there() {
    let files = Files::new();
    let events = files.write(
        "audit.log",
        lines(&[exec("alice"), exec("alice"), harmless()]),
    );
    let Ran { out, err, .. } = run(&["scan", &events, &events]);
    assert_eq!(out, TABLE);
    assert_eq!(err, "6 events, 1 alert of 1 rule (1 medium)\n");
}

#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let files = Files::new();
    let name = "eve\u{1b}[2J\r\n\u{9b}\u{202e}\u{200b}";
    let events = files.write("audit.log", lines(&[exec(name)]));
    for output in ["table", "wide", "json"] {
        let Ran { out, err, .. } = run(&["scan", "-o", output, &events]);
        let deceives = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{200b}".contains(c);
        assert!(
            !out.contains(deceives) && !err.contains(deceives),
            "{out}{err}"
        );
    }
    let json = run(&["scan", "-o", "json", &events]).out;
    let alert: Value = serde_json::from_str(&json).expect("each line is an alert document");
    assert_eq!(alert["user"]["name"], name);
}

#[test]
fn what_is_no_event_is_rejected_named_and_counted() {
    let files = Files::new();
    let broken = format!(
        "{}{}",
        "{no json}\n".repeat(12),
        lines(&[exec("alice"), harmless()])
    );
    let events = files.write("audit.log", broken);
    let Ran { code, out, err } = run(&["scan", &events]);
    assert_eq!((code, out.as_str()), (Some(0), TABLE));
    let words: Vec<_> = err.lines().collect();
    assert!(
        words[0].starts_with(&format!("{events}:1: rejected: ")),
        "{err}"
    );
    assert!(
        words[9].starts_with(&format!("{events}:10: rejected: ")),
        "{err}"
    );
    let end = [
        "… and 2 more rejected",
        "2 events, 1 alert of 1 rule (1 medium), 12 documents rejected",
    ];
    assert_eq!(words[10..], end);
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_others() {
    let files = Files::new();
    let events = files.write("audit.log", lines(&[exec("alice"), harmless()]));
    let mut torn = gzip(&lines(&[harmless()]));
    torn.truncate(torn.len() - 9);
    let torn = files.write("torn.gz", torn);
    let Ran { code, out, err } = run(&["scan", "no/such.log", &torn, &events]);
    assert_eq!((code, out.as_str()), (Some(2), TABLE));
    assert!(err.contains("error: no/such.log: No such file"), "{err}");
    assert!(err.contains(&format!("error: {torn}: ")), "{err}");
    assert!(
        err.ends_with("error: 2 of 3 inputs could not be read whole\n"),
        "{err}"
    );
}

#[test]
fn a_file_of_something_else_is_an_error_that_helps() {
    let files = Files::new();
    let other = files.write("values.json", "{\"replicas\": 3}\n");
    let Ran { code, err, .. } = run(&["scan", &other]);
    assert_eq!(code, Some(2));
    assert!(
        err.contains("error: the input holds no audit events; give audit logs"),
        "{err}"
    );
}

#[test]
fn a_severity_makes_the_status_tell_of_findings() {
    let files = Files::new();
    let events = files.write("audit.log", lines(&[exec("alice")]));
    let code = |severity| run(&["scan", "--fail-on", severity, &events]).code;
    assert_eq!(
        [code("low"), code("Medium"), code("high")],
        [Some(1), Some(1), Some(0)]
    );
}

#[test]
fn own_rules_stand_beside_or_in_place_of_the_built_in_ones() {
    let files = Files::new();
    let events = files.write("audit.log", lines(&[exec("alice"), harmless()]));
    let rule = files.write(
        "livez.yaml",
        "apiVersion: k8scop.io/v1alpha1\nkind: K8sCopRule\nmetadata: {name: livez}\nspec:\n  title: Probe\n  severity: Low\n  selections:\n  - name: probe\n    all: [{field: request.path, equals: /livez}]\n",
    );
    let alerts = |args: &[&str]| {
        run(&[&["scan", &events], args].concat())
            .out
            .lines()
            .count()
            - 1
    };
    assert_eq!(alerts(&["--rules", &rule]), 2);
    assert_eq!(alerts(&["--rules", &rule, "--no-builtin"]), 1);
}

#[test]
fn broken_rules_are_told_and_nothing_is_scanned() {
    let files = Files::new();
    let events = files.write("audit.log", lines(&[exec("alice")]));
    let rule = files.write("rule.yaml", "kind: Pod\n");
    let Ran { code, out, err } = run(&["scan", "--rules", &rule, &events]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with(&format!("{rule}:1:")), "{err}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let files = Files::new();
    let one = lines(&[exec("alice")]);
    let many: String = (0..20_000)
        .map(|id| one.replace("\"a-1\"", &format!("\"a-{id}\"")))
        .collect();
    let events = files.write("audit.log", many);
    let mut process = command(&["scan", "-o", "json", &events])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut first = [0; 1];
    let mut out = process.stdout.take().expect("it is piped");
    out.read_exact(&mut first).expect("there is an alert");
    drop(out);
    let ran = Ran::from(process.wait_with_output().expect("the command ends"));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

/// The same event under another id.
fn with_id(mut event: Value, id: usize) -> Value {
    event["auditID"] = json!(format!("a-{id}"));
    event
}

#[test]
fn any_number_of_threads_prints_the_same_in_the_same_order() {
    let files = Files::new();
    let mut mixed = String::new();
    for id in 0..6_000 {
        let event = match id % 50 {
            0 => with_id(exec("bob"), id),
            _ => with_id(harmless(), id),
        };
        match id % 1_000 {
            7 => mixed += &serde_json::to_string_pretty(&[&event, &harmless()]).expect("JSON"),
            8 => mixed += "no json\r\n",
            9 => mixed += "{\"kind\": \"Event\", \"verb\": [\n",
            10 => mixed += &json!({"kind": "EventList", "items": [event]}).to_string(),
            _ => mixed += &format!("{event}\n"),
        }
    }
    let plain = files.write("audit.log", &mixed);
    let packed = files.write("audit.log.gz", gzip(&mixed.replace("a-", "b-")));
    let one = run(&[
        "scan",
        "-o",
        "json",
        "--threads",
        "1",
        &plain,
        "no/such.log",
        &packed,
    ]);
    assert_eq!(one.out.lines().count(), 2 * 120, "{}", one.err);
    for threads in ["2", "3", "8"] {
        let args = [
            "scan",
            "-o",
            "json",
            "--threads",
            threads,
            &plain,
            "no/such.log",
            &packed,
        ];
        assert_eq!(run(&args), one, "{threads} threads");
    }
}

#[test]
fn alerts_of_a_slow_pipe_are_printed_as_they_come_until_nobody_reads() {
    for threads in ["1", "2"] {
        let mut process = command(&["scan", "-o", "json", "--threads", threads, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut stdin = process.stdin.take().expect("it is piped");
        let mut out = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut send = |id| {
            // In one piece: the command may end as soon as it has read the last bracket.
            let line = format!("{}\n", with_id(exec("alice"), id));
            stdin.write_all(line.as_bytes()).expect("the command reads");
        };
        for id in 0..9 {
            send(id);
            let mut alert = String::new();
            out.read_line(&mut alert).expect("there is an alert");
            assert!(alert.contains(&format!("\"a-{id}\"")), "{alert}");
        }
        drop(out);
        send(9);
        let mut words = String::new();
        let mut err = process.stderr.take().expect("it is piped");
        err.read_to_string(&mut words).expect("the command ends");
        let status = process.wait().expect("the command ends");
        assert_eq!((status.code(), words.as_str()), (Some(0), ""));
        drop(stdin);
    }
}

#[test]
fn alerts_of_a_packed_pipe_are_printed_as_they_come() {
    let mut process = command(&["scan", "-o", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let stdin = process.stdin.take().expect("it is piped");
    let mut out = BufReader::new(process.stdout.take().expect("it is piped"));
    let mut packer = flate2::write::GzEncoder::new(stdin, flate2::Compression::fast());
    for id in 0..9 {
        writeln!(packer, "{}", with_id(exec("alice"), id)).expect("the command reads");
        packer.flush().expect("the command reads");
        let mut alert = String::new();
        out.read_line(&mut alert).expect("there is an alert");
        assert!(alert.contains(&format!("\"a-{id}\"")), "{alert}");
    }
    drop(packer);
    let ran = Ran::from(process.wait_with_output().expect("the command ends"));
    let summary = "9 events, 9 alerts of 1 rule (9 medium)\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), summary));
}
