//! The work that detection does for an event, counted in instructions: a figure that a busy machine
//! does not change, unlike time. The committed one is a limit.
//!
//! Two counts of one program are subtracted, so that what comes before the events is left out.
//! Counts of one build differ by less than 1 in 1,000. The code of the standard library and of
//! `memchr` depends on the processor: the figure holds for those with AVX2.

use std::{env, fs, io::Write, path::Path, process::Command};

use k8scop_testbed::Valgrind;

const EVENTS: u64 = 2_000;
const RECORD: &str = "benches/instructions.txt";
const ANEW: &str = "`make instructions` records it anew";

#[tokio::test]
async fn an_event_costs_no_more_instructions_than_was_recorded() {
    if !is_comparable() {
        return say("instructions are counted on x86-64 processors with AVX2 only");
    }
    let counted = tokio::task::spawn_blocking(instructions_of_an_event);
    let counted = counted.await.expect("they can be counted");
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORD);
    if env::var_os("UPDATE_INSTRUCTIONS").is_some() {
        let text = format!(
            "{counted} instructions for an event, 1,000 rules, {}\n",
            compiler()
        );
        return fs::write(record, text).expect("the record can be written");
    }
    let text = fs::read_to_string(record).expect("there is a record");
    let number = text.split(' ').next().and_then(|it| it.parse().ok());
    let recorded: u64 = number.expect("the record begins with a number");
    let change = format!(
        "{counted} instructions for an event with {}: {text}",
        compiler()
    );
    assert!(
        counted * 100 <= recorded * 105,
        "{change}That is over 5 % more. If it is worth it, {ANEW}."
    );
    if counted * 100 < recorded * 95 {
        say(&format!("{change}That is over 5 % less: {ANEW}."));
    }
}

#[cfg(target_arch = "x86_64")]
fn is_comparable() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn is_comparable() -> bool {
    false
}

fn instructions_of_an_event() -> u64 {
    let program = build();
    let valgrind = Valgrind::get().expect("valgrind is there");
    let count = |events: u64| {
        let ran = valgrind
            .command()
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .args([&program, &events.to_string()])
            .output()
            .expect("valgrind starts");
        let words = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{words}");
        let collected = words.split("Collected : ").nth(1);
        let number = collected.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        number.expect("valgrind tells what it counted")
    };
    (count(EVENTS) - count(0)) / EVENTS
}

/// The program to count, built as the product is.
fn build() -> String {
    let cargo = env::var("CARGO").expect("a test is run by cargo");
    let arguments = "build --release --locked -p k8scop-engine --bin instructions";
    let built = Command::new(cargo)
        .args(arguments.split(' '))
        .arg("--message-format=json")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    let words = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{words}");
    let messages = String::from_utf8_lossy(&built.stdout);
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(message["executable"].as_str()?.to_owned())
    });
    executable.expect("cargo tells what it built")
}

fn compiler() -> String {
    let version = Command::new("rustc").arg("--version").output();
    let version = version.expect("there is a compiler").stdout;
    let words = String::from_utf8_lossy(&version).into_owned();
    words.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Past the capture of the test harness: a passing test has to be heard too.
fn say(line: &str) {
    // A test does not fail because nobody reads it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
