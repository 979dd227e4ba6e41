//! The body of a create, parsed like the service does: property names in any letter case (fact book 3.4).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The required properties of a create (fact book 4.1), by JSON path.
const REQUIRED: [&str; 9] = [
    "companyProfile.domain",
    "billingProfile.email",
    "billingProfile.culture",
    "billingProfile.language",
    "billingProfile.companyName",
    "billingProfile.defaultAddress.firstName",
    "billingProfile.defaultAddress.lastName",
    "billingProfile.defaultAddress.addressLine1",
    "billingProfile.defaultAddress.country",
];

/// The properties that are not null, by lower-case path. An object is listed at its own path, without its content.
#[derive(Debug)]
pub(super) struct JsonBody(BTreeMap<String, Value>);

impl JsonBody {
    /// `None` if the body is not a JSON object.
    pub(super) fn parse(body: &[u8]) -> Option<JsonBody> {
        let root: Value = serde_json::from_slice(body).ok()?;
        root.is_object().then(|| {
            let mut properties = BTreeMap::new();
            flatten("", root, &mut properties);
            JsonBody(properties)
        })
    }

    /// The text at a path; `None` if it is absent or blank.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.value(path)?.as_str().filter(|text| !text.trim().is_empty())
    }

    pub(super) fn value(&self, path: &str) -> Option<&Value> {
        self.0.get(&path.to_ascii_lowercase())
    }

    /// Some properties of the object at a path, with the given names. The path ends in a dot unless it is empty.
    pub(super) fn copied(&self, path: &str, names: &[&str]) -> Map<String, Value> {
        let read = |name: &&str| Some(((*name).to_owned(), self.value(&format!("{path}{name}"))?.clone()));
        names.iter().filter_map(read).collect()
    }

    /// The required paths that are missing.
    pub(super) fn missing(&self) -> Vec<String> {
        REQUIRED.iter().filter(|path| self.text(path).is_none()).map(|path| (*path).to_owned()).collect()
    }
}

fn flatten(path: &str, value: Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(properties) => {
            for (name, value) in properties {
                let name = name.to_ascii_lowercase();
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(&path, value, into);
            }
            into.insert(path.to_owned(), Value::Object(Map::new()));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            into.insert(path.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_any_case_and_null_counts_as_absent() {
        let body =
            br#"{"CompanyProfile":{"DOMAIN":"a.example"},"billingprofile":{"email":" ","culture":null},
            "UserCredentials":{}}"#;
        let order = JsonBody::parse(body).unwrap();
        assert_eq!(order.text("companyProfile.domain"), Some("a.example"));
        assert!(order.value("userCredentials").is_some());
        assert!(order.value("billingProfile.culture").is_none());
        let missing = order.missing();
        assert_eq!(missing.len(), 8);
        assert_eq!(missing[0], "billingProfile.email");
    }

    #[test]
    fn what_is_no_object_is_no_order() {
        for body in ["", "[]", "7", "{", "null"] {
            assert!(JsonBody::parse(body.as_bytes()).is_none(), "{body}");
        }
    }
}
