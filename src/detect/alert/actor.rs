//! The fields that say who asked: the user, the one who was impersonated, and their addresses.

use core::net::IpAddr;

use serde_json::{Map, Value};

use super::{LIST_LIMIT, WITHHELD, draft, draft::Draft};
use crate::detect::{
    derived,
    event::Event,
    json::{first_text, text, walk},
};

/// The most values of one entry of `extra`.
const EXTRA_VALUES: usize = 8;

/// The longest name and the longest value in `extra`, in characters.
const EXTRA_TEXT: usize = 256;

const NO_PATH: &[&str] = &[];

/// Writes who asked, and from where.
pub(super) fn describe(draft: &mut Draft, event: &Event) {
    let root = event.root();
    let name = first_text(root, &["user", "username"]);
    let effective = first_text(root, &["impersonatedUser", "username"]);
    let mut related: Vec<Value> = name
        .iter()
        .chain(&effective)
        .map(|n| draft::text(n))
        .collect();
    related.dedup();
    draft.put("related.user", related);
    draft.put("user.name", name);
    draft.put("user.id", first_text(root, &["user", "uid"]));
    draft.put("user.roles", list(root, &["user", "groups"]));
    draft.put("user.effective.name", effective);
    let id = first_text(root, &["impersonatedUser", "uid"]);
    draft.put("user.effective.id", id);
    let roles = list(root, &["impersonatedUser", "groups"]);
    draft.put("user.effective.roles", roles);
    draft.put("k8scop.impersonated.extra", extra(root));
    let addresses = list(root, &["sourceIPs"]);
    draft.put("related.ip", ips(&addresses));
    draft.put("kubernetes.audit.sourceIPs", addresses);
    if !event.is_rebuilt() {
        draft.put("source.ip", source_ip(root));
    }
}

/// The caller's address, if it is one: the field of the index takes nothing else.
fn source_ip(root: &Value) -> Option<String> {
    let ip: IpAddr = derived::source_ip(root)?.parse().ok()?;
    Some(ip.to_string())
}

/// Those texts that are addresses, each once.
fn ips(texts: &[Value]) -> Vec<Value> {
    let mut ips = Vec::new();
    for text in texts.iter().filter_map(Value::as_str) {
        let Ok(ip) = text.parse::<IpAddr>() else {
            continue;
        };
        let ip = Value::from(ip.to_string());
        if !ips.contains(&ip) {
            ips.push(ip);
        }
    }
    ips
}

/// What the caller said of the impersonated user beside name and groups, without credentials.
fn extra(root: &Value) -> Value {
    let Some(Value::Object(entries)) = root.pointer("/impersonatedUser/extra") else {
        return Value::Null;
    };
    let entries = entries.iter().filter(|(name, _)| !name.is_empty());
    let entries = entries.take(LIST_LIMIT).map(|(name, values)| {
        let plain: String = name.chars().filter(|c| !c.is_control()).collect();
        let key = draft::cut(&plain, EXTRA_TEXT);
        (
            key.as_str().unwrap_or_default().to_owned(),
            extra_values(name, values),
        )
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

fn extra_values(name: &str, values: &Value) -> Value {
    let mut shown = Vec::new();
    walk(values, NO_PATH, &mut |end| {
        let Some(value) = text(end) else { return };
        if shown.len() < EXTRA_VALUES {
            shown.push(match is_credential(name, &value) {
                true => WITHHELD.into(),
                false => draft::cut(&value, EXTRA_TEXT),
            });
        }
    });
    Value::Array(shown)
}

/// Whether an entry of `extra` may be a credential: by its name, or as a JSON Web Token.
fn is_credential(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let named = [
        "token",
        "password",
        "secret",
        "cookie",
        "authorization",
        "apikey",
        "api-key",
    ];
    let is_token = value.contains("eyJ") && value.matches('.').count() >= 2;
    named.iter().any(|word| name.contains(word)) || is_token
}

fn list(root: &Value, path: &[&str]) -> Vec<Value> {
    let mut values = Vec::new();
    walk(root, path, &mut |end| {
        if let Some(value) = text(end)
            && values.len() < LIST_LIMIT
        {
            values.push(draft::text(&value));
        }
    });
    values
}
