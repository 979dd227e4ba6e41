use super::*;

/// Exports of other programs: the headings that `--auto-map` takes, with their fields, and those that it leaves.
const EXPORTS: &[(&str, &str)] = &[
    (
        "Zoho CRM",
        "Record Id=external_id;Account Name=company_name;Account Owner;Rating;Phone=phone_number;Fax;Website;Ticker Symbol;\
         Ownership;Employees;Billing Street=address_line1;Billing City=city;Billing State=state;\
         Billing Code=postal_code;Billing Country=country;Shipping Street;Shipping City;Shipping State;Shipping Country;\
         Description",
    ),
    (
        "Xero",
        "*ContactName;AccountNumber=external_id;EmailAddress=email;FirstName=first_name;LastName=last_name;\
         POAttentionTo;POAddressLine1=address_line1;POAddressLine2=address_line2;POCity=city;PORegion=state;\
         POPostalCode=postal_code;POCountry=country;SAAddressLine1;SACity;SARegion;SAPostalCode;SACountry;PhoneNumber=phone_number;\
         FaxNumber;TaxNumber;DueDateBillDay",
    ),
    (
        "Yayoi",
        "得意先コード=external_id;得意先名=company_name;郵便番号=postal_code;都道府県=state;市区町村=city;住所=address_line1;\
         電話番号=phone_number;メール=email;締日",
    ),
    (
        "1C",
        "Код;Контрагент=company_name;Юридический адрес=address_line1;Город=city;Индекс=postal_code;Телефон=phone_number;\
         ИНН;КПП",
    ),
    (
        "Polish accounting",
        "Nazwa kontrahenta=company_name;Ulica=address_line1;Miasto=city;Kod pocztowy=postal_code;Telefon=phone_number;\
         NIP;REGON",
    ),
    (
        "Zoho contacts",
        "Contact Owner;First Name=first_name;Last Name=last_name;Account Name=company_name;Email=email;Phone=phone_number;\
         Mobile;Other Phone;Mailing Street=address_line1;Mailing City=city;Mailing State=state;Mailing Zip=postal_code;\
         Mailing Country=country;Other Street;Other City;Other Zip;Secondary Email;Email Opt Out",
    ),
    (
        "Salesforce API",
        "Id;Name=company_name;BillingStreet=address_line1;BillingCity=city;BillingState=state;BillingPostalCode=postal_code;\
         BillingCountry=country;ShippingStreet;ShippingCity;Phone=phone_number;Fax;Website;OwnerId",
    ),
    (
        "Mailchimp",
        "Email Address=email;First Name=first_name;Last Name=last_name;Company=company_name;MEMBER_RATING;OPTIN_TIME;\
         LATITUDE;LONGITUDE;NOTES;TAGS",
    ),
    (
        "Magento",
        "email=email;_website;firstname=first_name;lastname=last_name;middlename=middle_name;prefix;suffix;taxvat;\
         _address_city=city;_address_company;_address_country_id=country;_address_fax;_address_firstname;\
         _address_lastname;_address_postcode=postal_code;_address_region;_address_street=address_line1;\
         _address_telephone=phone_number",
    ),
    (
        "NetSuite",
        "Internal ID;Company Name=company_name;Is Individual;Email=email;Phone=phone_number;Office Phone;Mobile Phone;Home \
         Phone;Billing Address 1=address_line1;Billing Address 2=address_line2;Billing City=city;\
         Billing State/Province=state;Billing Zip=postal_code;Billing Country=country;Shipping Address 1;Shipping City;\
         Sales Rep",
    ),
    (
        "Google contacts",
        "First Name=first_name;Middle Name=middle_name;Last Name=last_name;Phonetic First Name;Name Prefix;Nickname;\
         Organization Name=company_name;Organization Title;Organization Department;Birthday;Notes;\
         E-mail 1 - Label;E-mail 1 - Value=email;E-mail 2 - Value;Phone 1 - Label;Phone 1 - Value=phone_number;\
         Address 1 - Label;Address 1 - Formatted;Address 1 - Street=address_line1;Address 1 - City=city;\
         Address 1 - PO Box;Address 1 - Region=state;Address 1 - Postal Code=postal_code;Address 1 - Country=country;\
         Address 1 - Extended Address=address_line2;Address 2 - City;Website 1 - Value",
    ),
    (
        "Google contacts of before",
        "Name;Given Name=first_name;Additional Name=middle_name;Family Name=last_name;Yomi Name;Name Prefix;Initials;\
         Birthday;E-mail 1 - Type;E-mail 1 - Value=email;Phone 1 - Type;Phone 1 - Value=phone_number;\
         Organization 1 - Type;Organization 1 - Name=company_name;Organization 1 - Title",
    ),
    (
        "ConnectWise",
        "Company Name=company_name;Company ID=external_id;Status;Type;Address Line 1=address_line1;\
         Address Line 2=address_line2;City=city;State=state;Zip=postal_code;Country=country;Phone Number=phone_number;\
         Fax Number;Web Site;Territory;Market;Account Number Vendor",
    ),
    (
        "Stripe",
        "id;Description;Email=email;Name=company_name;Created (UTC);Card ID;Currency;Address Line1=address_line1;\
         Address City=city;Address Zip=postal_code;Address State=state;Address Country=country;Phone=phone_number;\
         Total Spend;Payment Count",
    ),
    (
        "Entra users",
        "Name [displayName] Required;User name [userPrincipalName] Required;First name [givenName]=first_name;\
         Last name [surname]=last_name;City [city]=city;State or province [state]=state;\
         ZIP or postal code [postalCode]=postal_code;Street address [streetAddress]=address_line1;\
         Country or region [country]=country;Office phone [telephoneNumber]=phone_number;Mobile phone [mobile]",
    ),
    (
        "NZ ledger",
        "Customer Code=external_id;Business Name=company_name;Contact First Name=first_name;Contact Surname=last_name;\
         Street Address 1=address_line1;Street Address 2=address_line2;Town/City=city;Post Code=postal_code;\
         Country Name=country;Main Phone=phone_number;GST Number",
    ),
    (
        "sevDesk",
        "Kunden-Nr.=external_id;Anrede;Titel;Nachname=last_name;Vorname=first_name;Organisation=company_name;Namenszusatz;\
         Position;Kategorie;IBAN;BIC;Umsatzsteuer-ID;Straße=address_line1;PLZ=postal_code;Ort=city;Land=country;\
         Telefon=phone_number;E-Mail=email;Webseite;Geburtstag",
    ),
    (
        "German club list",
        "Name=last_name;Vorname=first_name;Firma=company_name;Straße und Hausnummer=address_line1;Adresszusatz=address_line2;\
         PLZ=postal_code;Wohnort=city;Bundesland=state;Telefon privat;Telefon geschäftlich=phone_number;\
         E-Mail-Adresse=email;Geburtsdatum",
    ),
    (
        "German shop",
        "Kundennummer=external_id;Rechnungsadresse Firma;Rechnungsadresse Vorname=first_name;\
         Rechnungsadresse Nachname=last_name;Rechnungsadresse Straße=address_line1;Rechnungsadresse PLZ=postal_code;\
         Rechnungsadresse Ort=city;Rechnungsadresse Land=country;Lieferadresse Vorname;Lieferadresse Straße;\
         Lieferadresse PLZ;Lieferadresse Ort;Gesamtumsatz",
    ),
    (
        "French accounts",
        "N° client=external_id;Raison sociale=company_name;N° SIRET=organization_registration_number;N° TVA;\
         Adresse de facturation;Ville de facturation=city;Code postal de facturation=postal_code;\
         Pays de facturation=country;Ville de livraison;Code postal de livraison;Prénom=first_name;Nom=last_name;\
         Adresse e-mail=email;Téléphone=phone_number;Mobile",
    ),
    (
        "Spanish accounts",
        "Código cliente=external_id;Razón social=company_name;CIF/NIF;Nombre=first_name;Apellidos=last_name;\
         Dirección=address_line1;C.P.=postal_code;Población=city;Provincia=state;País=country;\
         Teléfono fijo=phone_number;Teléfono móvil;Correo electrónico=email;Ciudad de envío;Forma de pago",
    ),
    (
        "Portuguese accounts",
        "Código do cliente=external_id;Nome;Razão Social=company_name;CNPJ=organization_registration_number;\
         Inscrição Estadual;Endereço=address_line1;Complemento=address_line2;Bairro;Cidade=city;UF=state;\
         CEP=postal_code;País=country;Telefone=phone_number;Celular;E-mail=email",
    ),
    (
        "Italian accounts",
        "Codice cliente=external_id;Ragione sociale=company_name;Partita IVA;Nome=first_name;Cognome=last_name;\
         Indirizzo=address_line1;CAP=postal_code;Comune=city;Provincia=state;Nazione=country;Telefono=phone_number;\
         Cellulare;Indirizzo e-mail=email",
    ),
    (
        "Dutch accounts",
        "Klantnummer=external_id;Bedrijfsnaam=company_name;KvK-nummer=organization_registration_number;BTW-nummer;\
         Voornaam=first_name;Tussenvoegsel;Achternaam=last_name;Straat en huisnummer=address_line1;\
         Postcode=postal_code;Plaats=city;Land=country;Telefoonnummer=phone_number;E-mailadres=email;Afleveradres Plaats",
    ),
    (
        "Swedish accounts",
        "Kundnummer=external_id;Företagsnamn=company_name;Organisationsnummer=organization_registration_number;\
         Förnamn=first_name;Efternamn=last_name;Gatuadress=address_line1;Postnummer=postal_code;Ort=city;Land=country;\
         Telefon=phone_number;E-post=email;Leveransadress Ort",
    ),
    (
        "Danish accounts",
        "Kundenr.=external_id;Firmanavn=company_name;CVR-nr.=organization_registration_number;Fornavn=first_name;\
         Efternavn=last_name;Adresse=address_line1;Postnr.=postal_code;Land=country;Telefon=phone_number;E-mail=email",
    ),
    (
        "Finnish accounts",
        "Asiakasnumero=external_id;Yritys=company_name;Y-tunnus=organization_registration_number;Etunimi=first_name;\
         Sukunimi=last_name;Katuosoite=address_line1;Postinumero=postal_code;Postitoimipaikka=city;Maa=country;\
         Puhelin=phone_number;Sähköposti=email",
    ),
    (
        "Polish accounts",
        "Nazwa firmy=company_name;NIP;REGON;Imię=first_name;Nazwisko=last_name;Ulica=address_line1;Kod pocztowy=postal_code;\
         Miejscowość=city;Województwo=state;Kraj;Telefon=phone_number;Adres e-mail=email",
    ),
    (
        "Czech accounts",
        "Společnost=company_name;IČO=organization_registration_number;DIČ;Jméno=first_name;Příjmení=last_name;\
         Ulice=address_line1;PSČ=postal_code;Město=city;Země=country;Telefon=phone_number;E-mail=email",
    ),
    (
        "Hungarian accounts",
        "Cégnév=company_name;Adószám;Vezetéknév=last_name;Keresztnév=first_name;Utca=address_line1;\
         Irányítószám=postal_code;Város=city;Ország=country;Telefonszám=phone_number;E-mail cím=email",
    ),
    (
        "Romanian accounts",
        "Companie=company_name;Nume=last_name;Prenume=first_name;Adresă=address_line1;Oraș=city;Județ=state;\
         Cod poștal=postal_code;Țară=country;Telefon=phone_number;Email=email",
    ),
    (
        "Turkish accounts",
        "Şirket Adı=company_name;Soyadı=last_name;Adres=address_line1;Şehir=city;Posta Kodu=postal_code;Ülke=country;\
         Telefon=phone_number;E-posta=email;Vergi No",
    ),
    (
        "Russian accounts",
        "Название компании=company_name;ИНН;Имя=first_name;Фамилия=last_name;Город=city;Почтовый индекс=postal_code;\
         Страна=country;Телефон=phone_number;Электронная почта=email",
    ),
    (
        "Japanese accounts",
        "取引先コード=external_id;取引先名=company_name;姓=last_name;名=first_name;郵便番号=postal_code;都道府県=state;\
         市区町村=city;番地=address_line1;建物名=address_line2;電話番号=phone_number;ＦＡＸ;メールアドレス=email;備考",
    ),
    (
        "Chinese accounts",
        "客户编号=external_id;公司名称=company_name;联系人;办公电话=phone_number;手机;电子邮件=email;省份=state;城市=city;\
         街道地址=address_line1;邮编=postal_code;国家/地区=country;家庭电话",
    ),
    (
        "Korean accounts",
        "고객번호=external_id;회사명=company_name;담당자;전화번호=phone_number;휴대폰;이메일=email;우편번호=postal_code;\
         도로명 주소=address_line1;상세 주소=address_line2;국가=country",
    ),
    // Nothing in these is certain.
    (
        "a person and a web address",
        "Contact Name;Website;VAT Number;Mobile;Fax;Notes;Status;Owner;Company Domain Name",
    ),
    (
        "further addresses alone",
        "Home City;Lieferadresse Ort;Ville de livraison;Ciudad de envío;自宅電話;Private E-Mail",
    ),
    (
        "words near a field",
        "City Manager;State of Mind;Country Manager;Phone Type;Email Opt Out;Company Size;Zip File",
    ),
    ("a part of a name", "Account;Business;Billing;Required;(Do Not Modify) Account=;Organization 1"),
];

fn field(name: &str) -> Option<Field> {
    Field::ALL.into_iter().find(|field| field.name() == name)
}

fn options(auto_map: bool) -> Options {
    Options { auto_map, ..Options::default() }
}

/// Each column with its field, and what is wrong.
fn assigned(names: &[&str], options: &Options) -> (Vec<String>, Vec<String>) {
    let mut faults = Vec::new();
    let columns = assign(names.iter().map(|name| (*name).to_owned()).collect(), options, &mut faults);
    let shown = columns.iter().map(|column| match column.field {
        Some(field) => format!("{}={field}", column.name),
        None => column.name.clone(),
    });
    (shown.collect(), faults.iter().map(ToString::to_string).collect())
}

#[test]
fn the_headings_of_other_programs_are_taken_with_auto_map() {
    let mut taken = 0;
    for (program, headings) in EXPORTS {
        let expected: Vec<&str> = headings.split(';').map(|heading| heading.trim_end_matches('=')).collect();
        let names: Vec<&str> = expected
            .iter()
            .map(|heading| heading.split_once('=').map_or(*heading, |(name, _)| name))
            .collect();
        let (found, faults) = assigned(&names, &options(true));
        assert_eq!(found, expected, "{program}");
        assert_eq!(faults, [""; 0], "{program}");
        taken += found.iter().filter(|column| column.contains('=')).count();
        // Without it, nothing but known names.
        let (found, _) = assigned(&names, &options(false));
        for column in found {
            let Some((name, field_name)) = column.split_once('=') else { continue };
            assert_eq!(aliases::field_named(&aliases::fold(name)), field(field_name), "{program}: {name}");
        }
    }
    assert!(taken > 250, "{taken}");
}

#[track_caller]
fn check(headings: &str, auto_map: bool, expected: &str, faults: &[&str]) {
    let names: Vec<&str> = headings.split(';').collect();
    let (found, wrong) = assigned(&names, &options(auto_map));
    assert_eq!(found.join(";"), expected);
    assert_eq!(wrong, faults);
}

#[test]
fn a_name_is_the_company_only_if_it_can_be_nothing_else() {
    let both = |auto_map, headings: &str, expected: &str| check(headings, auto_map, expected, &[]);
    for auto_map in [false, true] {
        both(auto_map, "Name;City", "Name=company_name;City=city");
        both(
            auto_map,
            "Name;First Name;Last Name",
            "Name=company_name;First Name=first_name;Last Name=last_name",
        );
        both(auto_map, "Name;Contact;Title", "Name=company_name;Contact;Title");
        // An address book, or the staff of a company.
        both(auto_map, "Name;Title;Extension", "Name;Title;Extension");
        both(auto_map, "Name;Abteilung;Alter", "Name;Abteilung;Alter");
        both(auto_map, "Name;Department;Main contact", "Name=company_name;Department;Main contact");
        both(auto_map, "Name;Given Name;Family Name", "Name;Given Name=first_name;Family Name=last_name");
        both(
            auto_map,
            "Name;First Name;Last Name;Yomi Name",
            "Name;First Name=first_name;Last Name=last_name;Yomi Name",
        );
        both(auto_map, "Name [displayName];City", "Name [displayName];City=city");
    }
    both(true, "Name;Vorname", "Name=last_name;Vorname=first_name");
    both(false, "Name;Vorname", "Name;Vorname");
    both(true, "Name;Last name", "Name=first_name;Last name=last_name");
    both(true, "Nombre;Apellidos;Empresa", "Nombre=first_name;Apellidos=last_name;Empresa=company_name");
    both(true, "Nombre;Ciudad", "Nombre=company_name;Ciudad=city");
    both(true, "Name;Company;Phone", "Name;Company=company_name;Phone=phone_number");
    both(
        true,
        "Customer;Company;First Name;Last Name",
        "Customer;Company=company_name;First Name=first_name;Last Name=last_name",
    );
    both(true, "Kunde;Ort", "Kunde=company_name;Ort=city");
    let two = "`Name` and `Company` both mean `company_name`";
    check("Name;Company;Phone", false, "Name=company_name;Company;Phone=phone_number", &[two]);
    let two = "`Name` and `Company Name` both mean `company_name`";
    for auto_map in [false, true] {
        check(
            "Name;Company Name;Phone",
            auto_map,
            "Name=company_name;Company Name;Phone=phone_number",
            &[two],
        );
        check(
            "Name;Company Name;First Name;Last Name;Contact",
            auto_map,
            "Name=company_name;Company Name;First Name=first_name;Last Name=last_name;Contact",
            &[two],
        );
    }
}

#[test]
fn two_columns_for_one_field_are_refused_unless_one_is_further_away() {
    check("Ort;Stadt", true, "Ort=city;Stadt", &["`Ort` and `Stadt` both mean `city`"]);
    check("City;Ort", true, "City=city;Ort", &["`City` and `Ort` both mean `city`"]);
    check("City;Ort", false, "City=city;Ort", &[]);
    let two = "`Billing City` and `Mailing City` both mean `city`";
    check("Billing City;Mailing City", true, "Billing City=city;Mailing City", &[two]);
    check("City;Billing City;Shipping City", true, "City=city;Billing City;Shipping City", &[]);
    check("Phone;Home Phone;Mobile", true, "Phone=phone_number;Home Phone;Mobile", &[]);
    // A whole address, or its first line.
    check("Business Address;City", true, "Business Address;City=city", &[]);
    check("Business Address;Business Street", true, "Business Address;Business Street=address_line1", &[]);
    // A state, or a status.
    check("Estado;City", true, "Estado;City=city", &[]);
    check("NIP;KRS", true, "NIP;KRS=organization_registration_number", &[]);
    check("UF;Estado;City", true, "UF=state;Estado;City=city", &[]);
    // One letter from `Country`, and a name of its own.
    check("County;Country", true, "County=state;Country=country", &[]);
    check("County;City", true, "County;City=city", &[]);
    check("County;State", true, "County;State=state", &[]);
    check("FNAME;LNAME;Stage", true, "FNAME=first_name;LNAME=last_name;Stage", &[]);
}

#[test]
fn map_and_ignore_settle_what_two_columns_mean() {
    let check = |map: &[(&str, Field)], ignored: &[&str], headings: &str, expected: &str, faults: &[&str]| {
        let options = Options {
            column_map: map.iter().map(|(name, field)| ((*name).to_owned(), *field)).collect(),
            ignored_columns: ignored.iter().map(|name| (*name).to_owned()).collect(),
            ..options(true)
        };
        let names: Vec<&str> = headings.split(';').collect();
        let (found, wrong) = assigned(&names, &options);
        assert_eq!(
            (found.join(";").as_str(), &wrong[..]),
            (expected, &faults.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()[..])
        );
    };
    let countries = "Country;Country Code;Land";
    check(&[("Country Code", Field::Country)], &[], countries, "Country;Country Code=country;Land", &[]);
    check(&[], &["country", "Land"], countries, "Country;Country Code=country;Land", &[]);
    check(&[("Ort", Field::City)], &[], "City;Ort;Stadt", "City;Ort=city;Stadt", &[]);
    check(&[("Firma", Field::CompanyName)], &[], "Name;Firma", "Name;Firma=company_name", &[]);
    check(&[], &["Fax", "#"], "Fax;City;", "Fax;City=city;", &["no column `#` to ignore"]);
    check(
        &[("Tel", Field::PhoneNumber)],
        &[],
        "Tel;Tel",
        "Tel=phone_number;Tel",
        &["`Tel` and `Tel` both mean `phone_number`"],
    );
    check(&[], &["Phone"], "Phone;Phone;Tel", "Phone;Phone;Tel=phone_number", &[]);
    check(&[("Ort", Field::City)], &["Ort"], "Ort", "Ort", &["`Ort` is both mapped and ignored"]);
    check(
        &[("A", Field::City), ("B", Field::City)],
        &[],
        "A;B",
        "A=city;B=city",
        &["`A` and `B` both mean `city`"],
    );
}
