//! MITRE ATT&CK (Enterprise) in the tags of rules: `attack.execution`, `attack.ta0002`,
//! `attack.t1609`, `attack.t1552.007`.

use super::draft::Draft;

/// Name in tags, id, and title of each tactic.
const TACTICS: [(&str, &str, &str); 14] = [
    ("reconnaissance", "TA0043", "Reconnaissance"),
    ("resource-development", "TA0042", "Resource Development"),
    ("initial-access", "TA0001", "Initial Access"),
    ("execution", "TA0002", "Execution"),
    ("persistence", "TA0003", "Persistence"),
    ("privilege-escalation", "TA0004", "Privilege Escalation"),
    ("defense-evasion", "TA0005", "Defense Evasion"),
    ("credential-access", "TA0006", "Credential Access"),
    ("discovery", "TA0007", "Discovery"),
    ("lateral-movement", "TA0008", "Lateral Movement"),
    ("collection", "TA0009", "Collection"),
    ("exfiltration", "TA0010", "Exfiltration"),
    ("command-and-control", "TA0011", "Command and Control"),
    ("impact", "TA0040", "Impact"),
];

const SITE: &str = "https://attack.mitre.org";

/// Id and name of each technique and subtechnique, one a line.
const TECHNIQUES: &str = include_str!("attack_techniques.txt");

/// What the tags of a rule say, each once, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Attack {
    tactics: Vec<(&'static str, &'static str)>,
    techniques: Vec<String>,
    subtechniques: Vec<String>,
}

/// Writes the `threat` fields for the tags of a rule; other tags are passed over.
pub(super) fn describe(draft: &mut Draft, tags: &[String]) {
    let attack = Attack::of(tags);
    if attack == Attack::default() {
        return;
    }
    draft.put("threat.framework", "MITRE ATT&CK");
    let tactics = || attack.tactics.iter();
    put_all(
        draft,
        "threat.tactic.id",
        tactics().map(|(id, _)| (*id).to_owned()),
    );
    put_all(
        draft,
        "threat.tactic.name",
        tactics().map(|(_, name)| (*name).to_owned()),
    );
    let links = tactics().map(|(id, _)| format!("{SITE}/tactics/{id}/"));
    put_all(draft, "threat.tactic.reference", links);
    for (field, ids) in [
        ("threat.technique", &attack.techniques),
        ("threat.technique.subtechnique", &attack.subtechniques),
    ] {
        let names = ids.iter().filter_map(|id| technique_name(id));
        let links = ids.iter().map(|id| technique_link(id));
        put_all(draft, &format!("{field}.id"), ids.iter().cloned());
        put_all(draft, &format!("{field}.name"), names.map(str::to_owned));
        put_all(draft, &format!("{field}.reference"), links);
    }
}

impl Attack {
    fn of(tags: &[String]) -> Self {
        let mut attack = Self::default();
        for tag in tags {
            let tag = tag.to_ascii_lowercase().replace('_', "-");
            let Some(name) = tag.strip_prefix("attack.") else {
                continue;
            };
            if let Some(tactic) = tactic(name) {
                push_once(&mut attack.tactics, tactic);
            } else if let Some((technique, subtechnique)) = technique(name) {
                push_once(&mut attack.techniques, technique);
                if let Some(subtechnique) = subtechnique {
                    push_once(&mut attack.subtechniques, subtechnique);
                }
            }
        }
        attack
    }
}

fn tactic(name: &str) -> Option<(&'static str, &'static str)> {
    TACTICS
        .iter()
        .find(|(known, id, _)| *known == name || id.eq_ignore_ascii_case(name))
        .map(|(_, id, title)| (*id, *title))
}

/// The ids of a technique, and of its subtechnique if one is named.
fn technique(name: &str) -> Option<(String, Option<String>)> {
    let (technique, subtechnique) = match name.split_once('.') {
        Some((technique, number)) => (technique, Some(number)),
        None => (name, None),
    };
    let are_digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(technique.strip_prefix('t')?, 4)
        || !subtechnique.is_none_or(|number| are_digits(number, 3))
    {
        return None;
    }
    let technique = technique.to_ascii_uppercase();
    let subtechnique = subtechnique.map(|number| format!("{technique}.{number}"));
    Some((technique, subtechnique))
}

/// The name of a technique or subtechnique; `None` for an id that is not in the list.
fn technique_name(id: &str) -> Option<&'static str> {
    let named = |line: &'static str| line.strip_prefix(id)?.strip_prefix(' ');
    TECHNIQUES.lines().find_map(named)
}

fn technique_link(id: &str) -> String {
    format!("{SITE}/techniques/{}/", id.replace('.', "/"))
}

fn push_once<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn put_all(draft: &mut Draft, path: &str, texts: impl Iterator<Item = String>) {
    let texts: Vec<serde_json::Value> = texts.map(Into::into).collect();
    draft.put(path, texts);
}
