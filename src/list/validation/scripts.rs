//! Letters of two scripts in one word: `а` of Cyrillic looks like `a`, and no search finds such a name.

use tenantry_model::problem::{Finding, Rule};

/// Letters of Cyrillic and Greek, and the Latin letters that they look like.
const LOOKALIKES: [(&str, &str); 2] = [
    ("АВЕЅІЈКМНОРСТУХаеѕіјорсухԁԛԝ", "ABESIJKMHOPCTYXaesijopcyxdqw"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo"),
];

/// Finds a word of Latin letters with one of Cyrillic or Greek. ASCII has none.
pub(super) fn check(text: &str) -> Option<Finding> {
    // The letters of Greek and Cyrillic begin with these bytes; nearly all texts have none.
    if !text.bytes().fold(false, |found, byte| found | (0xCD..=0xD4).contains(&byte)) {
        return None;
    }
    let word = text.split(|c: char| !c.is_alphabetic()).find(|word| is_mixed(word))?;
    let stranger = word.chars().find(|c| name(*c).is_some())?;
    let message = format!(
        "has `{stranger}` (U+{:04X}, {}) in a word of Latin letters",
        u32::from(stranger),
        name(stranger).unwrap_or_default()
    );
    let latin = word.chars().map(latin).collect::<Option<String>>();
    let suggestion = latin.map(|latin| text.replacen(word, &latin, 1)).filter(|text| check(text).is_none());
    Some(Finding::new(Rule::MixedScript, message).suggest_value(suggestion))
}

fn is_mixed(word: &str) -> bool {
    !word.is_ascii() && word.contains(is_latin) && word.contains(|c| name(c).is_some())
}

fn is_latin(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | 'À'..='ɏ' | 'Ḁ'..='ỿ')
}

/// The name of a script that has look-alikes of Latin letters.
fn name(c: char) -> Option<&'static str> {
    match c {
        'Ͱ'..='Ͽ' => Some("Greek"),
        'Ѐ'..='ԯ' => Some("Cyrillic"),
        _ => None,
    }
}

/// The Latin letter that this one is or looks like.
fn latin(c: char) -> Option<char> {
    if is_latin(c) {
        return Some(c);
    }
    LOOKALIKES
        .iter()
        .find_map(|(strange, latin)| latin.chars().nth(strange.chars().position(|other| other == c)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookalikes_are_shown_by_their_number() {
        let check = |text: &str, expected: Option<(&str, Option<&str>)>| {
            let found = check(text);
            let found = found.as_ref().map(|finding| (&*finding.message, finding.suggestion.as_deref()));
            assert_eq!(found, expected, "{text}");
        };
        let cyrillic = "has `о` (U+043E, Cyrillic) in a word of Latin letters";
        check("Cоntoso Ltd", Some((cyrillic, Some("Contoso Ltd"))));
        check("Ltd Cоntоso", Some((cyrillic, Some("Ltd Contoso"))));
        check("Contжso", Some(("has `ж` (U+0436, Cyrillic) in a word of Latin letters", None)));
        check("ΑBC", Some(("has `Α` (U+0391, Greek) in a word of Latin letters", Some("ABC"))));
        for text in
            ["Contoso", "Müller", "ООО Ромашка", "ООО Contoso", "Ромашка-Contoso", "日本IBM", "5 µm", "Αθήνα"]
        {
            check(text, None);
        }
    }
}
