//! Texts that every match of a pattern must hold: what an index of patterns can look for.

use std::cmp::Reverse;

use regex_syntax::hir::{
    Hir, HirKind,
    literal::{ExtractKind, Extractor, Seq},
};

/// Texts of which every match holds at least one. No text at all: the pattern matches nothing.
pub type LiteralSet = Vec<Vec<u8>>;

/// More alternatives than this cost more to look for than they save.
const ALTERNATIVES: usize = 64;

/// Positions of a concatenation that are tried as the beginning of a literal.
const POSITIONS: usize = 64;

/// Sets that are kept of one pattern.
const SETS: usize = 4;

/// Sets that each hold for the pattern by themselves, the one with the longest texts first.
pub fn required(hir: &Hir) -> Vec<LiteralSet> {
    let mut sets: Vec<_> = [ExtractKind::Prefix, ExtractKind::Suffix]
        .into_iter()
        .filter_map(|kind| usable(&extractor(kind).extract(hir)))
        .collect();
    sets.extend(inner(hir));
    sets.sort_by_key(|set| {
        let shortest = set.iter().map(Vec::len).min().unwrap_or(usize::MAX);
        (Reverse(shortest), set.len())
    });
    sets.dedup();
    sets.truncate(SETS);
    sets
}

/// Literals that stand neither at the beginning nor at the end.
fn inner(hir: &Hir) -> Vec<LiteralSet> {
    match hir.kind() {
        HirKind::Capture(group) => required(&group.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => required(&repeated.sub),
        HirKind::Concat(parts) => (0..parts.len().min(POSITIONS))
            .flat_map(|at| {
                let rest = Hir::concat(parts[at..].to_vec());
                let from_here = usable(&extractor(ExtractKind::Prefix).extract(&rest));
                from_here.into_iter().chain(inner(&parts[at]))
            })
            .collect(),
        HirKind::Alternation(branches) => {
            let firsts: Option<Vec<_>> = branches
                .iter()
                .map(|branch| required(branch).into_iter().next())
                .collect();
            firsts
                .map(|sets| sets.concat())
                .filter(|set| set.len() <= ALTERNATIVES)
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

fn extractor(kind: ExtractKind) -> Extractor {
    let mut extractor = Extractor::new();
    extractor.kind(kind).limit_total(ALTERNATIVES);
    extractor
}

fn usable(sequence: &Seq) -> Option<LiteralSet> {
    let literals = sequence.literals()?;
    let literals: Vec<_> = literals.iter().map(|l| l.as_bytes().to_vec()).collect();
    literals.iter().all(|l| !l.is_empty()).then_some(literals)
}
