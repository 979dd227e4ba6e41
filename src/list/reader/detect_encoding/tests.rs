use super::matrix::encoded;
use super::*;

/// Returns its bytes a few at a time.
struct Dripping<'a>(io::Cursor<&'a [u8]>, usize);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let take = self.1.min(buffer.len());
        self.0.read(&mut buffer[..take])
    }
}

impl Seek for Dripping<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

fn encoding(name: &str) -> Encoding {
    Encoding::named(name).unwrap()
}

fn in_encoding(name: &str, text: &str) -> Vec<u8> {
    encoded(encoding(name), text).unwrap()
}

/// The encoding, or the words of the refusal.
#[track_caller]
fn found(text: &[u8], told: Option<&str>) -> String {
    let shown = |size| {
        let found = encoding_of(&mut Dripping(io::Cursor::new(text), size), told.map(encoding));
        found.map_or_else(|error| error.to_string(), |found| found.name().to_owned())
    };
    let at_once = shown(text.len().max(1));
    assert_eq!(shown(3), at_once);
    at_once
}

#[track_caller]
fn check(text: impl AsRef<[u8]>, expected: &str) {
    assert_eq!(found(text.as_ref(), None), expected, "{}", String::from_utf8_lossy(text.as_ref()));
}

/// The bytes of `ยช` are those of `ª` in UTF-8.
#[test]
fn a_short_word_that_is_utf_8_by_chance_joins_no_files() {
    let names = ["งหมาย งาน", "บริษัท ไทย จำกัด", "ร้านอาหาร", "โรงแรม", "กรุงเทพ", "เชียงใหม่"];
    let list = format!("{}\nยช\n", names.join("\n"));
    let found = found(&in_encoding("windows-874", &list), None);
    assert!(found.contains("as windows-874"), "{found}");
}

#[test]
fn utf_8_and_windows_1252_are_distinguished_even_by_the_last_byte() {
    check("", "UTF-8");
    check("name,city\nContoso,Leeds\n", "UTF-8");
    check("name,city\nMüller 日本 🙂,Köln\n", "UTF-8");
    check("name,area\nContoso,20 m²\nØ 5 × 3 mm,±0 °C\n", "UTF-8");
    let ascii = "Contoso,Leeds\n".repeat(40_000);
    check(format!("{ascii}Köln"), "UTF-8");
    check(in_encoding("windows-1252", &format!("{ascii}Köln")), "windows-1252");
    for text in [
        "name,city\nMüller GmbH,Köln\n",
        "name,city\nCafé d’Été,Orléans\nL’Œuvre,Nîmes\n",
        "name,city\nPeña e Hijos,Logroño\nAção – Serviços,São Paulo\n",
        "name,city\nÅse & Sønner,Tromsø\nHäggströms,Malmö\nJyväskylän Työ Oy,Jyväskylä\n",
        "name;price\nContoso;10 €\n",
        "name\nSmith’s “Corner” Shop\n",
        "name\nBäcker „Groß“ AG\n",
        "name\nGasthof ‚Zum Müller‘\n",
        "name\nBäcker »Groß« AG\n",
        "name\nMÜNCHNER BÄCKEREI STRAßE\n",
    ] {
        check(in_encoding("windows-1252", text), "windows-1252");
    }
    let polish = "nazwa,miasto\nPrzedsiębiorstwo Łąka,Łódź\nŻółw i spółka,Gdańsk\nŚwięty Krzyż,Częstochowa\n";
    check(in_encoding("windows-1250", polish), "windows-1250");
}

/// A single letter or symbol is rare in every language.
#[test]
fn a_single_letter_in_utf_8_is_utf_8() {
    let names = "µTech GmbH|Ž Ltd|Ø|Đ|Ő Kft|Straß|Ω Ltd|ÅF AB|Ö GmbH|Δelta Ltd|½ Liter OHG|È SRL|Č s.r.o.|A·B|Café²|\
                 5° Nord|Ñandu SL|ØKO AS|İş Bank|Ōsaka Ltd|Māori Co|É";
    for name in names.split('|') {
        for (culture, country) in [("en-GB", "GB"), ("de-DE", "DE"), ("cs-CZ", "CZ")] {
            check(format!("company_name,culture,city,country\n{name},{culture},Leeds,{country}\n"), "UTF-8");
        }
    }
}

/// As LibreOffice saves a list whose other letters it has lost.
#[test]
fn one_odd_character_among_thirty_words_is_no_doubt() {
    let words = "Café,Müller,Søn,José,Núñez,Sächsische,Brücken,Jürgen,Groß,Straße,Käthe,Weiß,Voß,Société,Générique,Zoé,\
                 Lefèvre,L’Été,Niccolò,Wójcik,São,Peças,João,Conceição,Köln,Nîmes,Bäckerei,Tromsø,Fox\u{a0}";
    check(in_encoding("windows-1252", &format!("name\n{}\n", words.replace(',', "\n"))), "windows-1252");
}

#[test]
fn a_few_faults_among_utf_8_leave_it_utf_8() {
    check(b"M\xC3\xBCller,K\xC3\xB6ln,M\xFCller", "UTF-8");
    // The text ends in the middle of a character.
    check(b"M\xC3\xBCller,K\xC3\xB6ln,M\xC3", "UTF-8");
    let mixed = "cannot detect the encoding of the input: a part of it is UTF-8, but most of it is not";
    check(b"M\xC3\xBCller,Bremen\nB\xF6hm,K\xF6ln\nGr\xFCn,M\xFCller", mixed);
}

/// Two bytes of a Chinese or Latvian name may be UTF-8 by chance.
#[test]
fn what_is_utf_8_by_chance_is_no_utf_8() {
    assert!(std::str::from_utf8(&in_encoding("cp775", "Mežābele")).is_ok());
    check(
        in_encoding("cp775", "name\nMežābele\n"),
        "cannot detect the encoding of the input: line 2 is `Me\u{603}bele` as utf-8, `Mežābele` as cp775, \
         `Me貎bele` as gbk, `MeØƒbele` as windows-1252",
    );
    let chinese = "name,first,last,city\n华东有限公司,伟,李,上海\n春风食品厂,芳,王,北京\n";
    let bytes = in_encoding("gbk", chinese);
    assert!(bytes.windows(2).any(|pair| !pair.is_ascii() && std::str::from_utf8(pair).is_ok()));
    let refused = found(&bytes, None);
    assert!(refused.contains("line 2 is `华东有限公司` as gbk, `"), "{refused}");
}

/// What a header shows is not true of rows that come from another file.
#[test]
fn known_headings_show_nothing_of_rows_in_another_encoding() {
    let chinese = "公司名称,地址,城市,省份\n";
    let of = |header: (&str, &str), rows: (&str, &str)| {
        [in_encoding(header.0, header.1), in_encoding(rows.0, rows.1)].concat()
    };
    check(of(("gbk", chinese), ("gbk", "华东有限公司,南京路,上海,上海\n")), "GBK");
    let greek = "Επωνυμία,Διεύθυνση,Πόλη\n";
    check(of(("windows-1253", greek), ("windows-1253", "Παράδειγμα ΑΕ,Ερμού,Αθήνα\n")), "windows-1253");
    for (header, rows) in [
        (("gbk", chinese), ("shift_jis", "合同会社みどり,丸の内,千代田区,東京都\n")),
        (("windows-1253", greek), ("windows-1252", "Löwen-Apotheke,Krügerstraße,Köln\n")),
    ] {
        let found = found(&of(header, rows), None);
        assert!(found.starts_with("cannot detect the encoding"), "{found}");
    }
}

#[test]
fn a_refusal_shows_lines_as_each_candidate_reads_them() {
    let doubt = "cannot detect the encoding of the input";
    let german =
        "name,city\nMüller GmbH,Bremen\nBremer Söhne,Bremen\nMüller GmbH,Bremen\nKöln,Grün\nBäcker,Jörg\n";
    check(
        in_encoding("macintosh", german),
        &format!(
            "{doubt}: line 2 is `Müller GmbH` as macintosh, `MŸller GmbH` as windows-1252; line 3 is `Bremer Söhne` as \
             macintosh, `Bremer Sšhne` as windows-1252; line 5 is `Köln` as macintosh, `Kšln` as windows-1252"
        ),
    );
    // The encodings that read all of it alike are one candidate.
    let turkish = "name\nŞahin A.Ş.\n";
    let refused = found(&in_encoding("windows-1254", turkish), None);
    assert!(refused.starts_with(&format!(
        "{doubt}: line 2 is `Şahin A.Ş.` as windows-1254, `Þahin A.Þ.` as windows-1252"
    )));
    let Err(error) = encoding_of(&mut io::Cursor::new(in_encoding("macintosh", german)), None) else {
        panic!()
    };
    assert_eq!(
        error.hint().unwrap(),
        "add the option for the correct text: `--encoding macintosh`; or export the list again as UTF-8, but \
         do not open and save it in Excel, which may read it wrongly too"
    );
}

#[test]
fn what_the_operator_says_is_doubted_where_the_text_contradicts_it() {
    #[track_caller]
    fn check_told(text: &[u8], told: &str, expected: &str) {
        let found = found(text, Some(told));
        assert!(found.starts_with(expected), "{told}: {found}");
    }
    let german = "name,city\nMüller GmbH,Köln\nBäckerei Grün,Düsseldorf\n";
    for name in ["utf-8", "windows-1252", "macintosh", "cp850"] {
        check_told(&in_encoding(name, german), name, Encoding::named(name).unwrap().name());
    }
    check_told(b"name\nContoso\n", "macintosh", "macintosh");
    let doubt = |told: &str, right: &str, wrong: &str| {
        format!(
            "the input does not look like {told}, which is the given encoding: line 2 is `{right}`, \
             `{wrong}` as {told}"
        )
    };
    let mac = doubt("windows-1252", "Müller GmbH` as macintosh", "MŸller GmbH")
        .replace("macintosh`,", "macintosh,");
    check_told(&in_encoding("macintosh", german), "windows-1252", &mac);
    let utf_8 = doubt("windows-1252", "Müller GmbH` as utf-8", "MÃ¼ller GmbH").replace("utf-8`,", "utf-8,");
    check_told(german.as_bytes(), "windows-1252", &utf_8);
    check_told("name\nMüller\n".as_bytes(), "cp850", "the input does not look like cp850");
    check_told("name\n华北贸易\n".as_bytes(), "gbk", "the input does not look like gbk");
    check_told(&in_encoding("windows-1252", german), "utf-8", "the input does not look like utf-8");
    check_told(
        &in_encoding("gbk", "name\n华东有限公司\n"),
        "shift_jis",
        "the input does not look like shift_jis",
    );
    // The rows that are not UTF-8 are reported one by one.
    check_told(b"M\xC3\xBCller\nB\xF6hm\nGr\xFCn", "utf-8", "UTF-8");
}

/// Whatever reads only some of the bytes is neither shown nor a contradiction.
#[test]
fn what_reads_every_byte_comes_before_what_does_not() {
    let hebrew = "name,city\nמאפיית הנמל,חיפה\nנגריית השרון,נתניה\nמוסך גולן,קצרין\n";
    let arabic = "name,city,country\nشركة الميناء,القاهرة,EG\nمخبز الشرق,القاهرة,EG\n";
    // Its letters and their accents are two characters each there.
    let vietnamese = "name,city\nCông ty Ca\u{309}ng,Hà Nô\u{323}i\nTiê\u{323}m ba\u{301}nh,Huê\u{301}\n";
    for (name, text) in [("cp862", hebrew), ("iso-8859-6", arabic), ("windows-1258", vietnamese)] {
        let bytes = in_encoding(name, text);
        assert_eq!(found(&bytes, Some(name)), encoding(name).name(), "{name}");
        let Err(error) = encoding_of(&mut io::Cursor::new(&bytes), None) else { panic!("{name}") };
        assert!(error.hint().unwrap().contains(&format!("`--encoding {name}`")), "{name}: {error}");
        assert!(!error.to_string().contains(char::REPLACEMENT_CHARACTER), "{name}: {error}");
    }
}
