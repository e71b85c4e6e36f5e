//! Places where a test makes the process die, to see that nothing is lost there. They are compiled
//! in with the feature `crash-points` only.

/// Reads from the variable `FAILPOINTS` where to die: `push.after_ack=2*off->return` is the third
/// time that alerts were acknowledged.
pub fn arm() {
    #[cfg(feature = "crash-points")]
    std::mem::forget(fail::FailScenario::setup());
}

/// Dies here, without another word, if the process was told to.
pub fn point(name: &str) {
    fail::fail_point!(name, |_| std::process::abort());
    let _ = name;
}
