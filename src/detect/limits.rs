//! How much a definition may ask for. The schema of the custom resource states the same bounds
//! where it can; these hold for rules from files too.

/// Bytes of one pattern.
pub const PATTERN_BYTES: usize = 1024;
/// Bytes of one compiled pattern, and of the automaton it may build while matching.
pub const COMPILED_BYTES: usize = 1 << 20;
/// Nesting of groups, classes and repetitions within one pattern.
pub const PATTERN_NESTING: u32 = 50;
/// Bytes of a value that patterns look at; what lies beyond is not searched.
pub const HAYSTACK_BYTES: usize = 64 * 1024;
/// Patterns of one rule, exceptions included.
pub const PATTERNS: usize = 32;
/// Different named groups of one rule.
pub const CAPTURES: usize = 16;
/// Characters of one captured text, and of one value in the evidence.
pub const EXCERPT_CHARS: usize = 256;
/// Predicates in the evidence of one match, and values of each.
pub const EVIDENCE: usize = 16;
/// Elements of a list that one alert names as matched.
pub const MATCHED: usize = 8;
/// Fields that a rule copies into its alerts.
pub const CONTEXT: usize = 16;
/// Special severities of a rule.
pub const SEVERITIES: usize = 8;
/// Characters of a condition.
pub const CONDITION_CHARS: usize = 1024;
/// Nesting of parentheses and `not` within a condition.
pub const CONDITION_NESTING: usize = 32;
/// Characters of a message template, and of a rendered message.
pub const MESSAGE_CHARS: usize = 1024;
/// Characters that one variable may add to a message.
pub const VARIABLE_CHARS: usize = 512;
/// Selections, exceptions and tests of one rule, and predicates of one list.
pub const LIST: usize = 32;
/// Values of one operator.
pub const OPERANDS: usize = 256;
/// Characters of one value of an operator.
pub const OPERAND_CHARS: usize = 1024;
/// Characters of the name of a selection or an exception.
pub const NAME_CHARS: usize = 63;
/// Characters of a problem's message.
pub const PROBLEM_CHARS: usize = 256;
