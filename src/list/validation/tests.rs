use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::reader::{Options, Reader, to_csv};
use tenantry_model::customer::Customer;

const RESELLER: &str = "2ca7e1e4-3b0f-4f0e-9d3c-6a1f5a1f9b11";

/// All that is known about a row.
struct Verdict {
    domain: Option<DomainName>,
    customer: Option<Customer>,
    beside_agreement: Option<Customer>,
    problems: Vec<Problem>,
    content_hash: [u8; 16],
}

impl Validator {
    fn verdict(&self, header: &Header, row: &Row) -> Verdict {
        let validation = self.validate(header, row);
        let (customer, beside_agreement) = (validation.customer(), validation.beside_agreement());
        let content_hash = validation.content_hash();
        let Validation { domain, problems, .. } = validation;
        Verdict { domain, customer, beside_agreement, problems, content_hash }
    }
}

fn good_row() -> BTreeMap<Field, String> {
    let cells = [
        (Field::CompanyName, "Contoso Ltd"),
        (Field::Domain, "contoso"),
        (Field::Email, "ana@contoso.com"),
        (Field::Culture, "en-GB"),
        (Field::Language, "en"),
        (Field::FirstName, "Ana"),
        (Field::LastName, "Bell"),
        (Field::AddressLine1, "1 High Street"),
        (Field::Country, "GB"),
        (Field::AssociatedPartnerId, RESELLER),
        (Field::EnableGdapByDefault, ""),
        (Field::AddressLine2, ""),
        (Field::MiddleName, ""),
    ];
    cells.map(|(field, cell)| (field, cell.to_owned())).into()
}

/// Validates the valid row with some cells replaced.
fn verdict_with(changes: &[(Field, &str)], settings: &Settings) -> Verdict {
    let mut cells = good_row();
    cells.extend(changes.iter().map(|&(field, cell)| (field, cell.to_owned())));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells.keys().map(|field| field.name())).unwrap();
    writer.write_record(cells.values()).unwrap();
    let file = writer.into_inner().unwrap();
    validate_all(&file, settings).remove(0)
}

fn verdict(changes: &[(Field, &str)]) -> Verdict {
    verdict_with(changes, &Settings::default())
}

fn validate_all(file: &[u8], settings: &Settings) -> Vec<Verdict> {
    let validator = Validator::new(settings.clone());
    let mut reader = Reader::open(file, &Options::default()).unwrap();
    let mut row = Row::default();
    let mut verdicts = Vec::new();
    while reader.read(&mut row).unwrap() {
        verdicts.push(validator.verdict(reader.header(), &row));
    }
    verdicts
}

fn shown(problems: &[Problem]) -> Vec<String> {
    let suggested = |p: &Problem| p.remedy().map(|s| format!(" -> {s}")).unwrap_or_default();
    problems.iter().map(|p| format!("{} {}: {:?}{}", p.column, p.rule, p.severity, suggested(p))).collect()
}

#[track_caller]
fn check(changes: &[(Field, &str)], expected: &[&str]) {
    let verdict = verdict(changes);
    assert_eq!(shown(&verdict.problems), expected);
    let is_rejected = verdict.problems.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(verdict.customer.is_none(), is_rejected);
}

#[test]
fn a_good_row_becomes_a_customer() {
    let customer = verdict(&[
        (Field::CompanyName, "\u{A0}Contoso Ltd "),
        (Field::Domain, "Contoso.onmicrosoft.com"),
        (Field::Culture, "EN-gb"),
        (Field::Language, "EN"),
        (Field::Country, "gb"),
        (Field::EnableGdapByDefault, "No"),
    ])
    .customer
    .unwrap();
    assert_eq!(customer.company_name, "Contoso Ltd");
    assert_eq!(customer.domain.as_str(), "contoso.onmicrosoft.com");
    assert_eq!((customer.culture.as_str(), customer.language.as_str()), ("en-GB", "en"));
    assert_eq!(customer.country, "GB");
    assert_eq!(customer.associated_partner_id, Some(RESELLER.parse().unwrap()));
    assert!(!customer.enable_gdap_by_default);
    assert_eq!((customer.middle_name, customer.city), (None, None));
}

#[test]
fn every_problem_of_a_row_is_reported_in_the_order_of_its_columns() {
    check(
        &[
            (Field::Country, "UK"),
            (Field::AssociatedPartnerId, "42"),
            (Field::CompanyName, " "),
            (Field::LastName, "Test"),
            (Field::Email, "ana@contoso,com"),
            (Field::EnableGdapByDefault, "perhaps"),
            (Field::AddressLine1, "1 High Street\nLeeds"),
        ],
        &[
            "company_name required: Error",
            "email email: Error -> ana@contoso.com",
            "last_name name_form: Warning",
            "address_line1 control_character: Error -> move the second line to `address_line2`",
            "country country: Error -> GB",
            "associated_partner_id guid: Error",
            "enable_gdap_by_default boolean: Error",
        ],
    );
    check(&[(Field::Culture, "de-DE")], &["culture culture_country: Warning -> en-GB or en-US"]);
    check(&[(Field::Culture, "xx-XX")], &["culture culture: Error -> en-GB or en-US"]);
    check(&[(Field::Language, "no")], &["language language_unlisted: Warning -> en"]);
    check(&[(Field::MiddleName, &"x".repeat(45))], &["middle_name name_length: Warning"]);
    check(&[(Field::LastName, "Be\u{200B}ll")], &["last_name invisible_character: Warning -> Bell"]);
}

const SEATTLE: [(Field, &str); 6] = [
    (Field::Country, "US"),
    (Field::Culture, "en-US"),
    (Field::City, "Seattle"),
    (Field::State, "WA"),
    (Field::PostalCode, "98101"),
    (Field::PhoneNumber, "206-555-0142"),
];

const GDANSK: [(Field, &str); 5] = [
    (Field::Country, "PL"),
    (Field::Culture, "pl-PL"),
    (Field::PostalCode, "80-831"),
    (Field::PhoneNumber, "+48 58 555 01 27"),
    (Field::OrganizationRegistrationNumber, "5839204109"),
];

#[test]
fn a_row_is_validated_by_the_rules_of_its_country() {
    #[track_caller]
    fn check_in(base: &[(Field, &str)], changes: &[(Field, &str)], expected: &[&str]) {
        check(&[base, changes].concat(), expected);
    }
    check_in(&SEATTLE, &[], &[]);
    check_in(&SEATTLE, &[(Field::State, "wa"), (Field::PhoneNumber, "")], &[]);
    check_in(
        &SEATTLE,
        &[(Field::City, ""), (Field::State, ""), (Field::PostalCode, " ")],
        &["city required: Error", "state required: Error", "postal_code required: Error"],
    );
    check_in(
        &SEATTLE,
        &[
            (Field::Language, "fr"),
            (Field::State, "Washington"),
            (Field::PostalCode, "2134"),
            (Field::Region, "NA"),
            (Field::PhoneNumber, "+1 206-555-0142"),
            (Field::OrganizationRegistrationNumber, "12-3456789"),
        ],
        &[
            "language language_country: Warning -> en or es",
            "state state: Error -> WA",
            "postal_code postal_code: Error -> 02134",
            "region region: Warning -> leave it empty",
            "phone_number phone_number_form: Warning -> 206-555-0142",
            "organization_registration_number registration_number_country: Error -> leave it empty, or the whole column out with `--ignore-column`, unless the country is wrong",
        ],
    );
    check_in(
        &SEATTLE,
        &[(Field::State, ""), (Field::Region, "WA")],
        &[
            "state required: Error",
            "region region: Warning -> leave it empty; if it is the state, use the column for `state` with `--map`",
        ],
    );
    // A cell without usable text has only that one problem.
    check_in(&SEATTLE, &[(Field::State, "W\nA")], &["state control_character: Error"]);
    check_in(&GDANSK, &[], &[]);
    check_in(
        &GDANSK,
        &[(Field::PhoneNumber, ""), (Field::OrganizationRegistrationNumber, "")],
        &["phone_number required: Error", "organization_registration_number required: Error"],
    );
    check_in(
        &GDANSK,
        &[(Field::PhoneNumber, "-"), (Field::OrganizationRegistrationNumber, "1234")],
        &[
            "phone_number phone_number_form: Warning",
            "organization_registration_number registration_number_form: Warning",
        ],
    );
    check(
        &[(Field::Country, "CA"), (Field::Culture, "fr-CA"), (Field::City, "Laval")],
        &["state required_likely: Warning", "postal_code required_likely: Warning"],
    );
    check(
        &[
            (Field::Country, "PT"),
            (Field::Culture, "pt-PT"),
            (Field::Language, "pt"),
            (Field::PostalCode, "8000283"),
        ],
        &["postal_code postal_code: Error -> 8000-283", "city required: Error"],
    );
    check(
        &[(Field::Country, "MD"), (Field::Culture, "ro-RO"), (Field::Region, "Anenii Noi")],
        &["phone_number required: Error", "organization_registration_number required: Error"],
    );
    check(&[(Field::Country, "MX"), (Field::Culture, "es-MX"), (Field::State, "Jalisco")], &[]);
    // Without a country, no rules of a country apply.
    check(
        &[(Field::Country, "XX"), (Field::PostalCode, "x"), (Field::Region, "x")],
        &["country country: Error"],
    );
}

#[test]
fn a_required_cell_names_the_country_that_requires_it() {
    let problems = verdict(&[(Field::Country, "PL"), (Field::Culture, "pl-PL")]).problems;
    let messages: Vec<_> = problems.iter().map(|problem| &*problem.message).collect();
    assert_eq!(messages, ["is required in Poland (PL)"; 2]);
}

#[test]
fn a_state_is_sent_as_listed_and_hashed_as_written() {
    let found = verdict(&[&SEATTLE[..], &[(Field::State, "wa")]].concat());
    assert_eq!(found.customer.unwrap().state.as_deref(), Some("WA"));
    let answer = r#"{"iso2Code":"US","supportedStatesList":["Washington"]}"#;
    let settings = Settings { live_rules: vec![LiveRules::parse(answer).unwrap()], ..Settings::default() };
    let other = verdict_with(&[&SEATTLE[..], &[(Field::State, "wa")]].concat(), &settings);
    assert_eq!(shown(&other.problems), ["state state: Error -> Washington"]);
    assert_eq!(other.content_hash, found.content_hash);
}

#[test]
fn fetched_rules_win_over_the_built_in_ones() {
    let answer = |json: &str| LiveRules::parse(json).unwrap();
    let settings = Settings {
        live_rules: vec![
            answer(
                r#"{"iso2Code":"CA","supportedCulturesList":["en-CA"],"supportedLanguagesList":["en-CA","iu"]}"#,
            ),
            answer(
                r#"{"iso2Code":"US","isCityRequired":false,"postalCodeRegex":"^\\d{4}$","supportedStatesList":[]}"#,
            ),
            answer(r#"{"iso2Code":"QQ","defaultCulture":"en-US"}"#),
        ],
        ..Settings::default()
    };
    let in_canada = |language| {
        let changes = [
            (Field::Country, "ca"),
            (Field::Culture, "EN-ca"),
            (Field::Language, language),
            (Field::City, "Laval"),
            (Field::State, "QC"),
            (Field::PostalCode, "H7A 1A1"),
        ];
        verdict_with(&changes, &settings)
    };
    let found = in_canada("IU");
    assert_eq!(shown(&found.problems), [""; 0]);
    let customer = found.customer.unwrap();
    assert_eq!((&*customer.culture, &*customer.language, &*customer.country), ("en-CA", "iu", "CA"));
    assert_eq!(shown(&in_canada("fr").problems), ["language language_country: Warning -> en or iu"]);
    let changes = [&SEATTLE[..], &[(Field::City, ""), (Field::State, "Cascadia")]].concat();
    let found = verdict_with(&changes, &settings);
    assert_eq!(shown(&found.problems), ["postal_code postal_code: Error"]);
    let found = verdict_with(&[(Field::Country, "QQ"), (Field::PostalCode, "any")], &settings);
    assert_eq!(shown(&found.problems), [""; 0]);
}

#[test]
fn a_problem_says_where_it_is_and_shows_the_cell_safely() {
    let verdict = verdict(&[(Field::Domain, "con\u{7}toso")]);
    let problem = &verdict.problems[0];
    assert_eq!((problem.line, problem.column.as_str()), (2, "domain"));
    assert_eq!(problem.value, "con\\u{7}toso");
    let json = serde_json::to_string(problem).unwrap();
    assert!(json.contains(r#""severity":"error","rule":"control_character""#), "{json}");
    assert_eq!(serde_json::from_str::<Problem>(&json).unwrap(), *problem);
}

#[test]
fn strict_makes_errors_of_warnings_and_leaves_the_hash_alone() {
    let strict =
        Settings { strictness: Strictness { strict: true, warn: Vec::new() }, ..Settings::default() };
    let changes = [(Field::FirstName, "Test")];
    let found = verdict_with(&changes, &strict);
    assert_eq!(shown(&found.problems), ["first_name name_form: Error"]);
    assert_eq!(found.customer, None);
    assert_eq!(found.content_hash, verdict(&changes).content_hash);
}

#[test]
fn a_doubt_that_is_taken_as_it_stands_hides_no_other_problem() {
    let check = |warn: &[Rule], name: &str, expected: &[&str]| {
        let strictness = Strictness { strict: false, warn: warn.to_vec() };
        let settings = Settings { strictness, ..Settings::default() };
        let expected: Vec<String> = expected.iter().map(|it| format!("company_name {it}")).collect();
        assert_eq!(
            shown(&verdict_with(&[(Field::CompanyName, name)], &settings).problems),
            expected,
            "{name}"
        );
    };
    check(&[], "'M?ller &amp; Co", &["text_wrapper: Error -> M?ller &amp; Co"]);
    let [wrapper, escaped] =
        ["text_wrapper: Warning -> M?ller &amp; Co", "escaped_text: Warning -> 'M?ller & Co"];
    check(&[Rule::TextWrapper], "'M?ller &amp; Co", &[wrapper, "escaped_text: Error -> 'M?ller & Co"]);
    check(
        &[Rule::TextWrapper, Rule::EscapedText],
        "'M?ller &amp; Co",
        &[wrapper, escaped, "lost_character: Error"],
    );
    let misread = "misread_text: Warning -> Müller &\nCo";
    check(&[Rule::MisreadText], "MÃ¼ller &\nCo", &[misread, "control_character: Error"]);
    check(
        &[Rule::MisreadText],
        "MÃ¼ller \u{FFFD}",
        &["misread_text: Warning -> Müller \u{FFFD}", "lost_character: Error"],
    );
}

#[test]
fn the_domain_of_a_rejected_row_is_returned_too() {
    let domain = |changes: &[(Field, &str)]| verdict(changes).domain.map(|domain| domain.as_str().to_owned());
    assert_eq!(domain(&[(Field::Email, "")]).as_deref(), Some("contoso.onmicrosoft.com"));
    assert_eq!(domain(&[(Field::Domain, "con_toso")]), None);
}

#[test]
fn the_default_reseller_is_used_only_for_an_empty_cell() {
    let other: Uuid = "7d4c8a60-1f0e-4c58-9b1c-0d6a2b9a4f02".parse().unwrap();
    let settings = Settings { default_reseller: Some(other), ..Settings::default() };
    let reseller = |cell| {
        let customer = verdict_with(&[(Field::AssociatedPartnerId, cell)], &settings).customer;
        customer.and_then(|customer| customer.associated_partner_id)
    };
    assert_eq!(reseller(""), Some(other));
    assert_eq!(reseller(RESELLER), Some(RESELLER.parse().unwrap()));
    assert_eq!(reseller("?"), None);
}

#[test]
fn the_hash_tells_changed_rows_and_only_those() {
    let hash = |changes: &[(Field, &str)]| verdict(changes).content_hash;
    let same = hash(&[]);
    for change in [
        (Field::Domain, "CONTOSO.onmicrosoft.com"),
        (Field::Country, "gb"),
        (Field::CompanyName, " Contoso Ltd"),
        (Field::EnableGdapByDefault, "yes"),
        (Field::AssociatedPartnerId, "{2CA7E1E4-3B0F-4F0E-9D3C-6A1F5A1F9B11}"),
        (Field::City, ""),
    ] {
        assert_eq!(hash(&[change]), same, "{change:?}");
    }
    for change in [
        (Field::CompanyName, "Contoso LTD"),
        (Field::City, "Leeds"),
        (Field::EnableGdapByDefault, "no"),
        (Field::EnableGdapByDefault, "maybe"),
        (Field::AssociatedPartnerId, ""),
        (Field::AssociatedPartnerId, "1"),
    ] {
        assert_ne!(hash(&[change]), same, "{change:?}");
    }
    assert_ne!(hash(&[(Field::MiddleName, "x")]), hash(&[(Field::AddressLine2, "x")]));
}

#[test]
fn a_row_with_a_fault_has_that_one_problem() {
    let header = "company_name,domain,email,culture,language,first_name,last_name,address_line1,country";
    let mut file = format!("{header},note\na,b\n,,,,,,,,,a note\n\"a\nb\",c\na,contoso,M").into_bytes();
    file.extend(b"\xFCller,,,,,,,\n");
    let verdicts = validate_all(&file, &Settings::default());
    let rules: Vec<_> = verdicts.iter().flat_map(|verdict| shown(&verdict.problems)).collect();
    assert_eq!(
        rules,
        [" ragged_row: Error", " blank_row: Error", " ragged_row: Error", "email row_encoding: Error"]
    );
    assert!(verdicts[2].problems[0].message.ends_with("continues to line 5; a quote may be missing"));
    assert_eq!(verdicts[3].domain.as_ref().map(DomainName::as_str), Some("contoso.onmicrosoft.com"));
    assert_ne!(verdicts[0].content_hash, verdicts[2].content_hash);
}

#[test]
fn the_sample_of_good_customers_has_no_problem() {
    let strict =
        Settings { strictness: Strictness { strict: true, warn: Vec::new() }, ..Settings::default() };
    let verdicts = validate_all(include_bytes!("../../../samples/customers.csv"), &strict);
    assert_eq!(verdicts.len(), 60);
    let mut domains = std::collections::HashSet::new();
    for verdict in &verdicts {
        assert_eq!(shown(&verdict.problems), [""; 0]);
        assert!(domains.insert(verdict.domain.clone()), "{:?} is there twice", verdict.domain);
    }
    assert!(verdicts.iter().all(|v| v.customer.as_ref().is_some_and(|c| c.associated_partner_id.is_some())));
}

/// The extra column contains the rule that each row breaks, or `nothing`.
#[test]
fn the_sample_of_problems_has_the_problems_it_says() {
    let file: &[u8] = include_bytes!("../../../samples/customers-with-problems.csv");
    let mut reader = Reader::open(file, &Options::default()).unwrap();
    let validator = Validator::new(Settings::default());
    assert_eq!(reader.header().names().last(), Some("what_is_wrong"));
    let mut row = Row::default();
    while reader.read(&mut row).unwrap() {
        let stated = row.text(row.cells().len() - 1).unwrap();
        let verdict = validator.verdict(reader.header(), &row);
        let rules: Vec<_> = verdict.problems.iter().map(|problem| &*problem.rule).collect();
        let expected: Vec<_> =
            stated.split(':').next().into_iter().filter(|rule| *rule != "nothing").collect();
        assert_eq!(rules, expected, "line {}: {stated}", row.line());
    }
}

/// Any bytes: each record is a row whose verdict is consistent, or reading ends with an error.
fn read_and_validate(bytes: &[u8]) {
    let Ok(mut reader) = Reader::open(bytes, &Options::default()) else { return };
    let validator = Validator::new(Settings::default());
    let mut row = Row::default();
    let mut last_line = 0;
    while let Ok(true) = reader.read(&mut row) {
        assert!(row.line() > last_line && row.last_line() >= row.line());
        last_line = row.last_line();
        let verdict = validator.verdict(reader.header(), &row);
        let is_rejected = verdict.problems.iter().any(|problem| problem.severity == Severity::Error);
        assert_eq!(verdict.customer.is_none(), is_rejected);
        assert!(verdict.customer.is_none_or(|customer| Some(customer.domain) == verdict.domain));
    }
    assert!(reader.bytes_read() <= bytes.len() as u64);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_and_validate(&bytes);
        let mut file = b"company_name,domain,email,culture,language,first_name,last_name,address_line1,country\n".to_vec();
        file.extend(&bytes);
        read_and_validate(&file);
    }

    #[test]
    fn rows_of_awkward_cells_never_panic(
        rows in proptest::collection::vec(
            proptest::collection::vec(
                prop_oneof![
                    "\\PC{0,12}",
                    "[ \"\\r\\n,;@.\\-a-zA-Z0-9é日]{0,40}",
                    Just("contoso.onmicrosoft.com".to_owned()),
                    Just("ana@contoso.com".to_owned()),
                    Just("en-US".to_owned()),
                    Just("US".to_owned()),
                ],
                9,
            ),
            0..6,
        ),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let required = Field::ALL.iter().filter(|field| field.is_required());
        writer.write_record(required.map(|field| field.name())).unwrap();
        for cells in &rows {
            writer.write_record(cells).unwrap();
        }
        let file = writer.into_inner().unwrap();
        read_and_validate(&file);
        // All rows that the writer wrote come back.
        prop_assert_eq!(validate_all(&file, &Settings::default()).len(), rows.len());
    }
}

#[test]
fn an_agreement_is_whole_or_not_there() {
    let accepted = [
        (Field::AgreementFirstName, "Ana"),
        (Field::AgreementLastName, "Bell"),
        (Field::AgreementEmail, "ana@contoso.com"),
        (Field::AgreementDate, "2026-08-14"),
    ];
    let agreement = verdict(&accepted).customer.unwrap().agreement.unwrap();
    assert_eq!(agreement.agreed_at, "2026-08-14T00:00:00.000Z");
    assert_eq!(agreement.phone_number, None);
    assert_eq!(verdict(&[]).customer.unwrap().agreement, None);
    let missing = " agreement_incomplete: Error -> fill it, or empty the other agreement columns";
    for (field, _) in accepted {
        let mut cells = accepted;
        cells.iter_mut().find(|cell| cell.0 == field).unwrap().1 = "";
        check(&cells, &[&format!("{field}{missing}")]);
    }
    check(
        &[(Field::AgreementPhone, "+1 425 555 0100")],
        &accepted.map(|(field, _)| format!("{field}{missing}")).each_ref().map(String::as_str),
    );
    check(
        &[accepted[0], accepted[1], (Field::AgreementEmail, "ana"), (Field::AgreementDate, "14.08.2026")],
        &["agreement_email email: Error", "agreement_date agreement_date: Error -> 2026-08-14"],
    );
    let elsewhere = Settings { takes_agreements: false, ..Settings::default() };
    assert_eq!(
        shown(&verdict_with(&accepted, &elsewhere).problems),
        ["agreement_first_name agreement_cloud: Error -> empty the agreement columns"]
    );
}

#[test]
fn an_agreement_is_part_of_what_a_row_says() {
    let with = |date| {
        verdict(&[
            (Field::AgreementFirstName, "Ana"),
            (Field::AgreementLastName, "Bell"),
            (Field::AgreementEmail, "ana@contoso.com"),
            (Field::AgreementDate, date),
        ])
        .content_hash
    };
    assert_ne!(with("2026-08-14"), with("2026-08-15"));
    assert_ne!(with("2026-08-14"), verdict(&[]).content_hash);
}

/// The ledger stores the hash, so a row must have the same hash in every version of the program.
#[test]
fn a_row_hashes_as_it_always_did() {
    let hex = |verdict: &Verdict| verdict.content_hash.map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(hex(&verdict(&[])), "c571e580f24806dfb64615451202d871");
    let ragged = validate_all(
        b"domain,company_name,email,culture,language,first_name,last_name,address_line1,country\na,b\n",
        &Settings::default(),
    );
    assert_eq!(hex(&ragged[0]), "cad5be6acf9b79ec4488ba39d6ead982");
}

/// The cells may be in the wrong columns, so the other values do not matter.
#[test]
fn a_row_that_lost_its_columns_becomes_no_customer() {
    let (names, cells): (Vec<_>, Vec<_>) =
        good_row().into_iter().map(|(field, cell)| (field.name(), cell)).unzip();
    let file =
        |surplus: &str| format!("{},tenantry_extra_cells\n{},{surplus}\n", names.join(","), cells.join(","));
    let lost = &validate_all(file("x").as_bytes(), &Settings::default())[0];
    assert_eq!(shown(&lost.problems).len(), 1, "{:?}", lost.problems);
    assert!(lost.customer.is_none() && lost.beside_agreement.is_none());
    assert!(validate_all(file("").as_bytes(), &Settings::default())[0].customer.is_some());
}

#[test]
fn the_examples_are_one_good_customer() {
    let given = |field: &Field| *field != Field::OrganizationRegistrationNumber;
    let fields: Vec<Field> = Field::ALL.into_iter().filter(given).collect();
    let header = to_csv(fields.iter().map(|field| field.name()));
    let cells = to_csv(fields.iter().map(|field| field.example().unwrap_or_default()));
    let list = [header, cells].concat();
    let mut reader = Reader::open(&list[..], &Options::default()).unwrap();
    let mut row = Row::default();
    assert!(reader.read(&mut row).unwrap());
    let verdict = Validator::new(Settings::default()).verdict(reader.header(), &row);
    assert_eq!(verdict.problems, []);
}

#[test]
fn a_header_among_the_rows_and_a_footer_are_one_problem() {
    let header = "company_name,domain,email,culture,language,first_name,last_name,address_line1,country";
    let good = "Contoso Ltd,contoso,ana@contoso.com,en-GB,en,Ana,Bell,1 High Street,GB";
    let check = |header: &str, row: &str, expected: &[&str]| {
        let file = format!("{header}\n{good}\n{row}\n");
        let verdicts = validate_all(file.as_bytes(), &Settings::default());
        assert_eq!(shown(&verdicts.last().unwrap().problems), expected, "{row}");
    };
    check(header, header, &[" header_again: Error"]);
    check(header, &format!("\u{FEFF}{header}"), &[" header_again: Error"]);
    check(header, &header.replace(',', " ,"), &[" header_again: Error"]);
    // Names in other words.
    let other = "Company,domain,E-Mail Address,culture,language,First Name,last_name,Street,country";
    check(header, &other.replace("Street", "Address line 1"), &[" header_again: Error"]);
    check(
        header,
        &good.replace("ana@contoso.com", "Email").replace("contoso,", "fabrikam,"),
        &["email email: Error"],
    );
    let footer = "\nGrand Totals (1 record)\nCopyright (c) 2026\nContoso";
    check(header, footer, &[" footer: Error"]);
}

#[test]
fn data_in_a_column_without_a_name_is_a_warning() {
    let header = "company_name,domain,email,culture,language,first_name,last_name,address_line1,,country,";
    let check = |cells: &str, expected: &[&str]| {
        let row = cells.replace("..", "Contoso Ltd,contoso,ana@contoso.com,en-GB,en,Ana,Bell,1 High Street");
        let verdicts = validate_all(format!("{header}\n{row}\n").as_bytes(), &Settings::default());
        assert_eq!(shown(&verdicts[0].problems), expected, "{cells}");
    };
    check("..,,GB,", &[]);
    check(".., ,GB", &[]);
    check("..,LS1 4AP,GB,", &["column I nameless_column: Warning"]);
    check("..,LS1 4AP,GB,x", &["column I nameless_column: Warning", "column K nameless_column: Warning"]);
}

#[test]
fn a_part_of_a_value_in_a_column_of_its_own_is_a_warning() {
    let header =
        "company_name,domain,email,culture,language,first_name,last_name,Street,House number,country";
    let check = |cells: &str, ignored: &[&str], expected: &[&str]| {
        let row = cells.replace("..", "Contoso Ltd,contoso,ana@contoso.com,en-GB,en,Ana,Bell,High Street");
        let ignored_columns = ignored.iter().map(|&name| name.to_owned()).collect();
        let options = Options { ignored_columns, ..Options::default() };
        let file = format!("{header}\n{row}\n");
        let mut reader = Reader::open(file.as_bytes(), &options).unwrap();
        let mut read = Row::default();
        assert!(reader.read(&mut read).unwrap());
        let validator = Validator::new(Settings::default());
        assert_eq!(shown(&validator.validate(reader.header(), &read).problems), expected, "{cells}");
    };
    check("..,12a,GB", &[], &["House number split_value: Warning"]);
    for whole in ["..,,GB", "..,-,GB", "..,0,GB", "..,high,GB"] {
        check(whole, &[], &[]);
    }
    check("..,12a,GB", &["House number"], &[]);
    check("..,igh,GB", &[], &["House number split_value: Warning"]);
}

#[test]
fn a_part_of_a_value_is_looked_for_in_the_fields_that_it_belongs_to() {
    for (text, words, expected) in [
        ("route 212", "12", false),
        ("main street 12", "12", true),
        ("12-14 main street", "12", true),
        ("dorpsstraat 12a", "12", true),
        ("dorpsstraat 12a", "a", true),
        ("12bis rue de lyon", "bis", true),
        ("calle mayor nº5", "5", true),
        ("contoso gmbh", "gmbh", true),
        ("van der berg", "van der", true),
    ] {
        assert_eq!(has_words(text, words), expected, "{text}: {words}");
    }
    for (number, code, expected) in [
        ("(206) 555-0142", "206", true),
        ("+49 351 5550101", "0351", true),
        ("0049 351 5550101", "0351", true),
        ("555-0142", "206", false),
        ("5250 1234", "02", false),
        ("425 5501", "425", true),
        ("554 2501", "425", false),
        ("0011 61 2 5550 1234", "02", true),
        ("+49 171 5550206", "206", false),
    ] {
        assert_eq!(begins_with_code(number, code), expected, "{number}: {code}");
    }
}

#[test]
fn a_row_that_lacks_only_optional_cells_may_have_lost_them() {
    let header =
        "company_name,domain,email,culture,language,first_name,last_name,address_line1,country,city,notes";
    let message = |cells: &str| {
        let verdicts = validate_all(format!("{header}\n{cells}\n").as_bytes(), &Settings::default());
        verdicts[0].problems[0].message.clone()
    };
    let good = "Contoso Ltd,contoso,ana@contoso.com,en-GB,en,Ana,Bell,1 High Street,GB";
    let expected = "has 9 cells where the header has 11; if a program left out the empty cells at the end of the line, \
                    add the delimiters, or save the list as .xlsx";
    assert_eq!(message(good), expected);
    assert_eq!(message("Contoso Ltd,contoso"), "has 2 cells where the header has 11");
    assert_eq!(message(&format!("{good},,,x")), "has 12 cells where the header has 11");
}
