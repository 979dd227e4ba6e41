use std::fmt::Write as _;
use std::io::Read;

use super::header::Column;
use super::records::{CELLS_MAX, HEADER_COLUMNS_MAX};
use super::*;

const HEADER: &str = "company_name,domain,email,culture,language,first_name,last_name,address_line1,country";

fn open(input: &[u8]) -> Result<Reader<&[u8]>, Error> {
    Reader::open(input, &Options::default())
}

fn shown(error: &Error) -> String {
    error.to_string()
}

/// Opens and reads the input. Returns one line per row, with its lines and its first cell or fault, or the error.
fn read_all(input: impl Read, options: &Options) -> Result<String, Error> {
    let mut reader = Reader::open(input, options)?;
    let mut row = Row::default();
    let mut out = String::new();
    while reader.read(&mut row)? {
        let first = row.cell(0).map(String::from_utf8_lossy).unwrap_or_default();
        let fault = row.fault().map(|fault| format!(" {fault:?}")).unwrap_or_default();
        let quotes =
            row.quote_fault().map(|(index, fault)| format!(" {index} {fault:?}")).unwrap_or_default();
        writeln!(out, "{}-{} {first:?}{fault}{quotes}", row.line(), row.last_line()).unwrap();
    }
    Ok(out)
}

/// Returns its bytes one at a time, like a slow pipe.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let take = self.0.len().min(buffer.len()).min(1);
        self.0.read(&mut buffer[..take])
    }
}

/// Reads `input` whole and byte by byte; both must give `expected`.
#[track_caller]
fn check(input: impl AsRef<[u8]>, expected: &str) {
    let (input, options) = (input.as_ref(), Options::default());
    let show = |result: Result<String, Error>| result.unwrap_or_else(|error| shown(&error));
    assert_eq!(show(read_all(input, &options)), expected);
    assert_eq!(show(read_all(Dripping(input), &options)), expected, "read drop by drop");
}

fn with_header(body: &str) -> String {
    format!("{HEADER}\n{body}")
}

#[test]
fn lines_are_physical_lines() {
    check(with_header("a,,,,,,,,\nb,,,,,,,,\n"), "2-2 \"a\"\n3-3 \"b\"\n");
    check(with_header("a,,,,,,,,\nb,,,,,,,,"), "2-2 \"a\"\n3-3 \"b\"\n");
    check(with_header("a,,,,,,,,\r\nb,,,,,,,,\r\n"), "2-2 \"a\"\n3-3 \"b\"\n");
    check(with_header("a,,,,,,,,\rb,,,,,,,,\r"), "2-2 \"a\"\n3-3 \"b\"\n");
    check(with_header("\n\na,,,,,,,,\n\r\n\rb,,,,,,,,\n\n\n"), "4-4 \"a\"\n7-7 \"b\"\n");
    check(with_header("\"a\nA\",,,,,,,,\nb,,,,,,,,\n"), "2-3 \"a\\nA\"\n4-4 \"b\"\n");
    check(with_header("\"a\r\nA\rA\",,,,,,,,\r\nb,,,,,,,,"), "2-4 \"a\\r\\nA\\rA\"\n5-5 \"b\"\n");
    check(format!("\u{FEFF}{HEADER}\r\na,,,,,,,,"), "2-2 \"a\"\n");
    check(format!("\n\n{HEADER}\na,,,,,,,,"), "4-4 \"a\"\n");
    check(format!("sep=;\r\n{}\r\na;;;;;;;;", HEADER.replace(',', ";")), "3-3 \"a\"\n");
    check(format!("\u{FEFF}\"sep=^\"\n{}\na^^^^^^^^", HEADER.replace(',', "^")), "3-3 \"a\"\n");
}

#[test]
fn cells_are_as_the_operator_gave_them() {
    check(with_header("\" a \"\"b\"\", c \",,,,,,,,\n"), "2-2 \" a \\\"b\\\", c \"\n");
    check(
        with_header("5\"\" pipe,,,,,,,,\n").replace("5\"\" pipe", "\"5\"\" pipe\""),
        "2-2 \"5\\\" pipe\"\n",
    );
    check(with_header("=\"05\",,,,,,,,\n"), "2-2 \"=\\\"05\\\"\"\n");
    check(with_header("\"\",,,,,,,,\"x\""), "2-2 \"\"\n");
}

#[test]
fn an_empty_input_is_an_error_and_a_header_alone_is_not() {
    check("", "cannot find a header in an empty input");
    check("\u{FEFF}\r\n\n", "cannot find a header in an empty input");
    check("sep=;", "cannot find a header in an empty input");
    check(HEADER, "");
    check(with_header("\n\r\n\n"), "");
}

#[test]
fn a_row_that_does_not_fit_is_a_fault_and_reading_goes_on() {
    check(
        with_header("a,b\nb,,,,,,,,,x\nc,,,,,,,,\n"),
        "2-2 \"a\" Ragged { expected: 9, found: 2 }\n3-3 \"b\" Ragged { expected: 9, found: 10 }\n4-4 \"c\"\n",
    );
    // Empty cells that Excel leaves at the right edge and below the list are ignored.
    check(with_header("a,,,,,,,,,,\n,,,,,,,,\n ,,,,,,,,\nb,,,,,,,,"), "2-2 \"a\"\n5-5 \"b\"\n");
    let wide = ",".repeat(5000);
    check(
        with_header(&format!("a{wide}\nb,,,,,,,,")),
        "2-2 \"a\" Ragged { expected: 9, found: 5001 }\n3-3 \"b\"\n",
    );
    let bytes = CELL_BYTES_MAX + 1;
    let cell = "x".repeat(bytes);
    let fault = format!("CellTooLong {{ index: 1, bytes: {bytes} }}");
    check(with_header(&format!("a,{cell},,,,,,,\nb,,,,,,,,")), &format!("2-2 \"a\" {fault}\n3-3 \"b\"\n"));
    let record = "x\n".repeat(RECORD_BYTES_MAX);
    let last = 2 + record.len() / 2;
    check(
        with_header(&format!("a,\"{record}\",,,,,,,\nb,,,,,,,,")),
        &format!("2-{last} \"a\" RecordTooLong\n{next}-{next} \"b\"\n", next = last + 1),
    );
}

#[test]
fn a_cell_that_is_not_utf8_is_a_fault() {
    let mut input = with_header("a,M").into_bytes();
    input.extend(b"\xFCller,,,,,,,\nb,,,,,,,,");
    check(&input, "2-2 \"a\" NotUtf8 { index: 1 }\n3-3 \"b\"\n");
    // Two halves of one character: UTF-8 as a whole, but not cell by cell.
    let mut input = with_header("a").into_bytes();
    input.extend(b",\xC3,\xA9,,,,,,\nb,,,,,,,,");
    check(&input, "2-2 \"a\" NotUtf8 { index: 1 }\n3-3 \"b\"\n");
}

#[test]
fn a_value_with_misplaced_quotes_is_a_fault() {
    check(
        with_header("\"Harbor \"West\" GmbH\",,,,,,,,\nb, \"c\",,,,,,,\nd,,,,,,,,\n"),
        "2-2 \"Harbor West\\\" GmbH\\\"\" 0 TextAfter\n\
         3-3 \"b\" 1 BlankBefore\n4-4 \"d\"\n",
    );
    check(
        HEADER.replacen("domain", " \"domain\"", 1),
        "cannot read the header on line 1: cell 2 has a space before its opening quote; remove the space",
    );
}

/// What the columns of the rows below it are, the header of the file does not tell.
#[test]
fn a_header_with_other_columns_ends_the_reading() {
    let header = "company_name,domain,email,culture,language,first_name,last_name,address_line1,country,note";
    let check = |second: &str, expected: bool| {
        let file = format!("{header}\na,b,c@d.com,e,f,g,h,i,j,k\n{second}\n");
        let mut reader = Reader::open(file.as_bytes(), &Options::default()).unwrap();
        let mut row = Row::default();
        assert!(reader.read(&mut row).unwrap());
        let is_other = matches!(reader.read(&mut row), Err(Error::OtherHeader { line: 3 }));
        assert_eq!(is_other, expected, "{second}");
    };
    check(header, false);
    check(&header.replace("domain", " Domain "), false);
    check(&header.replace("company_name", "Company").replace("note", "remark"), false);
    check(&header.replace("first_name,last_name", "last_name,first_name"), true);
    check(&header.replace("address_line1", "address_line2"), true);
    check(&header.replace("company_name", "Firma"), true);
    check("First Name Last Name,domain,email,x,y,Ana,Bell,1 High Street,GB,", false);
}

#[test]
fn a_quoted_cell_that_contains_rows_ends_the_reading() {
    let error = "cannot find the rows: a quote opens on line 3, the next quote is on line 5, and the lines \
                 in between look like rows";
    let rows = "a,,,,,,,,\n\"b,,,,,,,,\nc,,,,,,,,\nd\",,,,,,,,\ne,,,,,,,,\n";
    check(with_header(rows), error);
    check(with_header(&rows.replace('\n', "\r\n")), error);
    // A lone quote in the last cell, and one more in a later row.
    check(
        with_header("a,,,,,,,,\"b\nc,,,,,,,,\"d\ne,,,,,,,,\n"),
        &error.replace("3,", "2,").replace("line 5", "line 3"),
    );
    check(
        with_header("\"Suite 5,\nHarbor Street, Hamburg\",,,,,,,,\n"),
        "2-3 \"Suite 5,\\nHarbor Street, Hamburg\"\n",
    );
}

#[test]
fn an_unclosed_quote_is_named_where_it_opens() {
    let error = "cannot read beyond line 3: a quote opens there in column `domain` and is never closed";
    check(with_header("a,,,,,,,,\nb,\"c,,,,,,,\nd,,,,,,,,\n"), error);
    check(with_header("\"a\nb\",\"c,,,,,,,\nd,,,,,,,,\n"), error);
    let rest = "x,,,,,,,,\n".repeat(RECORD_BYTES_MAX / 4);
    check(with_header(&format!("a,,,,,,,,\nb,\"c,,,,,,,\n{rest}")), error);
    check("\"company_name,domain\n", "cannot read beyond line 1: a quote opens there and is never closed");
}

/// From a pipe as from a file: neither a line break in the header's quotes nor a byte order mark before a blank line
/// ends the header.
#[test]
fn the_delimiter_is_detected_however_the_header_arrives() {
    let row = "a;b;;;;;;;\n";
    let broken = HEADER.replace("culture", "\"cult\nure\"").replace(',', ";");
    check(format!("{broken}\n{row}"), "3-3 \"a\"\n");
    check(format!("\u{FEFF}\n{}\n{row}", HEADER.replace(',', ";")), "3-3 \"a\"\n");
}

fn delimiter_of<R: Read>(reader: &Reader<R>) -> u8 {
    match reader.layout() {
        Layout::Text { delimiter, .. } => *delimiter,
        Layout::Sheet { name, .. } => panic!("sheet {name}"),
    }
}

#[test]
fn the_delimiter_is_detected_from_the_header() {
    for delimiter in [b',', b';', b'\t', b'|'] {
        let header = HEADER.replace(',', &char::from(delimiter).to_string());
        let reader = open(header.as_bytes()).unwrap();
        assert_eq!(delimiter_of(&reader), delimiter);
    }
    // More commas than semicolons, but no comma separates known columns.
    let header = format!("\"a,b\";c,d,e,f,g,h,i,j,k;{}", HEADER.replace(',', ";"));
    assert_eq!(delimiter_of(&open(header.as_bytes()).unwrap()), b';');
    let configured = Options { delimiter: Some(Given::Set(b'~')), ..Options::default() };
    let header = HEADER.replace(',', "~");
    assert_eq!(delimiter_of(&Reader::open(header.as_bytes(), &configured).unwrap()), b'~');
}

#[test]
fn what_is_no_text_is_refused_with_the_way_out() {
    check(
        b"PK\x03\x04\0\0",
        "cannot read the input as a list: it is an Excel workbook or another ZIP archive",
    );
    check(b"\xFF\xFE\0\0c\0\0\0", "cannot read the input as a list: it is UTF-32 text");
    check(b"%PDF-1.7", "cannot read the input as a list: it is a PDF document");
    check(b"domain,Stra\xDFe\n", "cannot read the header on line 1: cell 2 is not UTF-8");
    let Err(error) = open(b"domain,Stra\xDFe\n") else { panic!("Latin-1 was read as UTF-8") };
    assert!(error.hint().unwrap().contains("`--encoding`"));
}

/// All encodings and line breaks of a file give the same rows.
#[test]
fn the_same_list_in_every_encoding() {
    let text = format!("{HEADER}\nMüller,,,,,,,,\n\n\"a\nb\",,,,,,,,\nSmørrebrød,,,,,,,,\n\n,,,,,,,,\n");
    let expected = "2-2 \"Müller\"\n4-5 \"a\\nb\"\n6-6 \"Smørrebrød\"\n";
    let utf_16 = |encode: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
        format!("{mark}{text}").encode_utf16().flat_map(encode).collect()
    };
    for mark in ["", "\u{FEFF}"] {
        check(utf_16(u16::to_le_bytes, mark), expected);
        check(utf_16(u16::to_be_bytes, mark), expected);
        check(format!("{mark}{text}"), expected);
    }
    let (western, _, _) = encoding_rs::WINDOWS_1252.encode(&text);
    let configured = |name| Options { encoding: Encoding::named(name).map(Given::Set), ..Options::default() };
    assert_eq!(read_all(&*western, &configured("windows-1252")).unwrap(), expected);
    assert_eq!(read_all(Dripping(&western), &configured("latin1")).unwrap(), expected);
    // The encoding that the bytes show overrides the setting.
    for mark in ["", "\u{FEFF}"] {
        assert_eq!(read_all(&*utf_16(u16::to_le_bytes, mark), &configured("utf-8")).unwrap(), expected);
    }
    assert!(read_all(&*western, &configured("utf-8")).unwrap().contains("NotUtf8 { index: 0 }"));
}

#[test]
fn half_a_character_of_utf_16_is_seen() {
    let mut units: Vec<u16> = with_header("a,b").encode_utf16().collect();
    units.extend([0xD83D]);
    units.extend(",,,,,,,\n".encode_utf16());
    let bytes: Vec<u8> = units.into_iter().flat_map(u16::to_le_bytes).collect();
    let mut reader = open(&bytes).unwrap();
    let mut row = Row::default();
    assert!(reader.read(&mut row).unwrap());
    assert_eq!(row.text(1), Some("b\u{FFFD}"));
    assert_eq!(reader.bytes_read(), bytes.len() as u64);
}

/// Maps a header with cells separated by commas and shows each column's field.
#[track_caller]
fn check_header(header: &str, expected: &str) {
    check_mapped(header, &[], expected);
}

#[track_caller]
fn check_mapped(header: &str, map: &[(&str, Field)], expected: &str) {
    let column_map = map.iter().map(|&(name, field)| (name.to_owned(), field)).collect();
    let shown = match Reader::open(header.as_bytes(), &Options { column_map, ..Options::default() }) {
        Ok(reader) => {
            let field = |column: &Column| column.field.map_or("-", Field::name);
            reader.header().columns().iter().map(field).collect::<Vec<_>>().join(" ")
        }
        Err(error) => shown(&error),
    };
    assert_eq!(shown, expected, "{header}");
}

#[test]
fn headers_go_by_many_names() {
    let fields = HEADER.replace(',', " ");
    check_header(HEADER, &fields);
    check_header(
        "Company Name,DOMAIN,E-mail,Culture,language, First name ,Last-Name,Address Line 1,Country code",
        &fields,
    );
    check_header(
        "Name,Domain,ContactEmail,Culture,Language,ContactFirstName,ContactLastName,BillingAddressLine1,BillingAddressCountry",
        &fields,
    );
    check_header(
        "BillingProfile.CompanyName,CompanyProfile.Domain,BillingProfile.Email,BillingProfile.Culture,BillingProfile.Language,BillingProfile.DefaultAddress.FirstName,BillingProfile.DefaultAddress.LastName,BillingProfile.DefaultAddress.AddressLine1,BillingProfile.DefaultAddress.Country",
        &fields,
    );
    check_header(
        &format!("{HEADER},Zip,State/Province,Phone,Address 2,account_manager,Tenantry_Row,,status"),
        &format!("{fields} postal_code state phone_number address_line2 - - - -"),
    );
}

#[test]
fn our_own_and_unknown_columns_are_no_data() {
    let header = format!("{HEADER},account_manager,tenantry_row,tenantry_domain,");
    let reader = open(header.as_bytes()).unwrap();
    assert_eq!(reader.header().left_out().collect::<Vec<_>>(), ["account_manager"]);
    assert_eq!(reader.header().own_column("tenantry_row"), Some(10));
    assert_eq!(reader.header().index_of(Field::Country), Some(8));
    assert_eq!(reader.header().index_of(Field::State), None);
}

#[test]
fn a_header_is_reported_with_everything_that_is_wrong_with_it() {
    check_header(
        "company_name,email,E-Mail,culture,language,first_name,last_name,address_line1,country,domian,citty",
        "cannot use the header on line 1: `email` and `E-Mail` both mean `email`; `domian` is unknown; the \
         nearest is \
         `domain`; `citty` is unknown; the nearest is `city`; no column for `domain` (the nearest is `domian`); found \
         `company_name`, `email`, `E-Mail`, `culture`, `language`, `first_name`, `last_name`, `address_line1`, \
         `country`, `domian`, `citty`",
    );
    // A similar name hides nothing if the field has its own column.
    check_header(&format!("{HEADER},domains"), &format!("{} -", HEADER.replace(',', " ")));
    let wide = format!("{HEADER}{}", ",x".repeat(HEADER_COLUMNS_MAX));
    let Err(title) = open(b"Our customers in 2026\n") else { panic!("a title was read as a header") };
    assert!(title.hint().unwrap().contains("above"));
    let Err(quoted) = open(format!("\"{HEADER}\"\n").as_bytes()) else {
        panic!("a line was read as a header")
    };
    assert!(quoted.hint().unwrap().contains("quotes around whole lines"));
    check_header(&wide, "cannot read the header on line 1: it has 265 columns, and at most 256 are read");
}

#[test]
fn columns_can_be_mapped() {
    let header = HEADER.replace("domain", "Mandant");
    let fields = HEADER.replace(',', " ");
    check_mapped(&header, &[("Mandant", Field::Domain)], &fields);
    check_mapped(&header, &[(" MANDANT", Field::Domain)], &fields);
    check_mapped(&format!("{HEADER},Name"), &[("Name", Field::ExternalId)], &format!("{fields} external_id"));
    check_mapped("domain", &[("nope", Field::City)], &{
        let missing = Field::ALL.iter().filter(|f| f.is_required() && **f != Field::Domain);
        let missing: Vec<_> = missing.map(|field| format!("no column for `{field}`")).collect();
        format!(
            "cannot use the header on line 1: no column `nope` to map; {}; found `domain`",
            missing.join("; ")
        )
    });
}

#[test]
fn progress_ends_with_the_length_of_the_input() {
    let input = format!("\u{FEFF}sep=,\n{HEADER}\na,,,,,,,,\n\n\n");
    let mut reader = open(input.as_bytes()).unwrap();
    let mut row = Row::default();
    while reader.read(&mut row).unwrap() {}
    assert_eq!(reader.bytes_read(), input.len() as u64);
}

#[test]
fn lines_of_programs_above_the_header_are_skipped() {
    let body = format!("{HEADER}\na,,,,,,,,\n");
    check(format!("#TYPE System.Management.Automation.PSCustomObject\r\n{body}"), "3-3 \"a\"\n");
    check(format!("\u{FEFF}#TYPE Selected.User`1[[x, y]]\n{body}"), "3-3 \"a\"\n");
    let semicolons = body.replace(',', ";");
    check(format!("sep=;\n#TYPE X\n{semicolons}"), "4-4 \"a\"\n");
    check(format!("#TYPE X\n\n{semicolons}"), "4-4 \"a\"\n");
    let utf_16 =
        format!("\u{FEFF}#TYPE X\r\n{body}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    check(utf_16, "3-3 \"a\"\n");
    check("#TYPE X\n", "cannot find a header in an empty input");
    // No line of PowerShell.
    assert!(open(format!("#TYPE\n{body}").as_bytes()).is_err());
}

#[test]
fn lines_above_the_header_are_skipped_by_their_number() {
    #[track_caller]
    fn check_line(line: u64, input: &str, expected: &str) {
        let options = Options { header_line: Some(line), ..Options::default() };
        for input in [input.to_owned(), input.replace('\n', "\r\n"), input.replace('\n', "\r")] {
            let show = |result: Result<String, Error>| result.unwrap_or_else(|error| shown(&error));
            assert_eq!(show(read_all(input.as_bytes(), &options)), expected, "{input:?}");
            assert_eq!(
                show(read_all(Dripping(input.as_bytes()), &options)),
                expected,
                "{input:?} drop by drop"
            );
        }
    }
    let body = format!("{HEADER}\na,,,,,,,,\n\nb,,,,,,,,\n");
    check_line(1, &body, "2-2 \"a\"\n4-4 \"b\"\n");
    check_line(2, &format!("version:v1.0\n{body}"), "3-3 \"a\"\n5-5 \"b\"\n");
    check_line(4, &format!("\"EXTF\";700\n\nOur \"customers\n{body}"), "5-5 \"a\"\n7-7 \"b\"\n");
    check_line(2, &format!("{}\n{}", "x,".repeat(6000), body.replace(',', ";")), "3-3 \"a\"\n5-5 \"b\"\n");
    check_line(2, &format!("sep=;\n{}", body.replace(',', ";")), "3-3 \"a\"\n5-5 \"b\"\n");
    check_line(9, "a\nb\n", "cannot find a header on line 9: the input ends before it");
    check_line(2, "a\n", "cannot find a header on line 2: the input ends before it");
    // An export has nothing above its header.
    let export = body
        .replacen("company_name", "company_name,tenantry_row", 1)
        .replace("a,", "a,,")
        .replace("b,", "b,,");
    check_line(5, &export, "2-2 \"a\"\n4-4 \"b\"\n");
}

#[test]
fn a_header_below_a_title_is_pointed_out() {
    let below = |input: &str| match open(input.as_bytes()) {
        Err(Error::Header { header_below, .. }) => header_below,
        _ => panic!("{input}"),
    };
    assert_eq!(below(&format!("Our customers\n\n{HEADER}\na,,,,,,,,\n")), Some(3));
    assert_eq!(below("version:v1.0\nFirma,PLZ,Ort\n"), Some(2));
    assert_eq!(below("Our customers\nContoso\n"), None);
    assert_eq!(below("company_name,city\nFirma,PLZ,Ort\n"), None);
    // Groups above the names, below a title or not.
    let groups = "Firma,,,Sprache,,Kontakt,,Adresse,,\n";
    assert_eq!(below(&format!("{groups}{HEADER}\na,,,,,,,,\n")), Some(2));
    assert_eq!(below(&format!("Our customers\n{groups}{HEADER}\na,,,,,,,,\n")), Some(3));
}

#[test]
fn marks_of_dos_and_zero_bytes_end_a_file() {
    for end in ["\u{1A}", "\u{1A}\r\n", "\u{1A}\u{1A}", "\0\0\0", "\u{1A}\0\0", "\0\n\0\n"] {
        check(with_header(&format!("a,,,,,,,,\r\n{end}")), "2-2 \"a\"\n");
        check(
            with_header(&format!("a,,,,,,,,\r\n\"b\",,,,,,,,\"x\"{}", end.trim_end())),
            "2-2 \"a\"\n3-3 \"b\"\n",
        );
        check(format!("{HEADER}\r\n{end}"), "");
    }
    let last = |input: &str| {
        let mut reader = open(input.as_bytes()).unwrap();
        let mut row = Row::default();
        while reader.read(&mut row).unwrap() {}
        row.text(8).unwrap().to_owned()
    };
    assert_eq!(last(&with_header("a,,,,,,,,DE\u{1A}")), "DE");
    assert_eq!(last(&with_header("a,,,,,,,,DE\0\0\0\0")), "DE");
    // Anywhere else it is a part of a value, which validation refuses.
    assert_eq!(last(&with_header("a,,,,,,,,D\u{1A}E\n")), "D\u{1A}E");
    assert_eq!(last(&with_header("a,,,,,,,,DE\u{1A}\n")), "DE\u{1A}");
}

#[test]
fn columns_without_a_name_at_the_right_edge_ask_for_no_cell() {
    check(format!("{HEADER},,\na,,,,,,,,\nb,,,,,,,,,\nc,,,,,,,,,,\n"), "2-2 \"a\"\n3-3 \"b\"\n4-4 \"c\"\n");
    check(
        format!("{HEADER},\na,,,,,,,\nb,,,,,,,,,x\nc,,,,,,,,,,x\n"),
        "2-2 \"a\" Ragged { expected: 9, found: 8 }\n3-3 \"b\"\n4-4 \"c\" Ragged { expected: 9, found: 11 }\n",
    );
    let wide = ",".repeat(300);
    check(format!("{HEADER}{wide}\na,,,,,,,,{wide}\n"), "2-2 \"a\"\n");
    // A row with nothing in the cells that are kept is no blank line.
    let far = ",".repeat(CELLS_MAX);
    let fault = format!("Ragged {{ expected: 9, found: {} }}", CELLS_MAX + 1);
    check(format!("{HEADER}\n{far}x\n"), &format!("2-2 \"\" {fault}\n"));
    let input = format!("{HEADER},,account\n");
    let reader = open(input.as_bytes()).unwrap();
    assert_eq!((reader.header().nameless(), reader.header().width()), (&[9][..], 11..=11));
}

#[test]
fn a_footer_is_one_row_at_fault() {
    let rows = "a,b,,,,,,,\nc,d,,,,,,,\n";
    let footer = "\n\n\"Customers\"\n\"Copyright (c) 2026\"\n\nContoso\n";
    check(with_header(&format!("{rows}{footer}")), "2-2 \"a\"\n3-3 \"c\"\n6-9 \"Customers\" Footer\n");
    check(
        with_header(&format!("{rows}Grand Totals (2 records),,,,,,,,\n")),
        "2-2 \"a\"\n3-3 \"c\"\n4-4 \"Grand Totals (2 records)\" Footer\n",
    );
    check(
        with_header(&format!("{rows}x,,,,,,,,\nConfidential Information\n")),
        "2-2 \"a\"\n3-3 \"c\"\n4-5 \"x\" Footer\n",
    );
    // Rows that lack cells.
    let ragged = "Ragged { expected: 9, found: 1 }";
    check(
        with_header(&format!("{rows}x\ny\n")),
        &format!("2-2 \"a\"\n3-3 \"c\"\n4-4 \"x\" {ragged}\n5-5 \"y\" {ragged}\n"),
    );
    check(
        with_header(&format!("{rows}\nx\ne,f,,,,,,,\n")),
        &format!("2-2 \"a\"\n3-3 \"c\"\n5-5 \"x\" {ragged}\n6-6 \"e\"\n"),
    );
    check(with_header("\nCopyright Clearance Centre,,,,,,,,\n"), "3-3 \"Copyright Clearance Centre\"\n");
    let many = with_header(&format!("{rows}\n{}", "x\n".repeat(footer::ROWS_MAX + 2)));
    assert_eq!(
        read_all(many.as_bytes(), &Options::default()).unwrap().matches(ragged).count(),
        footer::ROWS_MAX + 2
    );
    // What was read ahead comes before the reason for the end.
    let mut reader = Reader::open(&b"a,b,c\n1,2,3\n\nx\ny\n\"z"[..], &options_of_three()).unwrap();
    let (mut row, mut lines) = (Row::default(), Vec::new());
    let error = loop {
        match reader.read(&mut row) {
            Ok(true) => lines.push(row.line()),
            Ok(false) => panic!("the quote is not closed"),
            Err(error) => break error,
        }
    };
    assert_eq!(lines, [2, 4, 5]);
    assert!(matches!(error, Error::UnclosedQuote { line: 6, .. }), "{error}");
}

/// The column that is named as the nearest can be pasted as `--map`, unless it is the nearest to several fields.
#[test]
fn the_nearest_column_of_a_missing_field_is_suggested() {
    let check = |header: &str, expected: &[(&str, Field)]| {
        let error = open(header.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(error.suggested_map(), expected, "{error}");
    };
    check(&HEADER.replacen("culture", "Kultur", 1), &[("Kultur", Field::Culture)]);
    check(&HEADER.replacen("culture", "domian", 1).replacen("domain", "x", 1), &[("domian", Field::Domain)]);
    check(&HEADER.replacen("culture", "Sprachraum", 1), &[]);
    check("Our customers in 2026\n", &[]);
    // It is near its field, and means it in another language; that is one column, unless there are two.
    let french = HEADER.replacen("domain", "Domaine", 1);
    check(&french, &[("Domaine", Field::Domain)]);
    check(&format!("{},Domaine\n", french.trim_end()), &[]);
}

/// For lists of three columns, `a`, `b` and `c`.
fn options_of_three() -> Options {
    let defaults = Field::ALL.into_iter().filter(|field| field.can_have_default());
    Options {
        column_map: vec![
            ("a".to_owned(), Field::Domain),
            ("b".to_owned(), Field::City),
            ("c".to_owned(), Field::State),
        ],
        defaults: Defaults::new(defaults.map(|field| (field, "x".to_owned())).collect()),
        ..Options::default()
    }
}

#[test]
fn a_known_name_with_something_around_it_is_an_error() {
    let header = |columns: &str| format!("{HEADER},{columns}");
    let refused = |columns: &str, expected: &str| {
        let error = open(header(columns).as_bytes()).map(|_| ()).unwrap_err();
        let Error::Header { faults, .. } = &error else { panic!("{error}") };
        let faults = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        assert_eq!(faults, expected, "{columns}");
        let map = error
            .suggested_map()
            .iter()
            .map(|(column, field)| format!("{column}={field}"))
            .collect::<Vec<_>>();
        map.join(",")
    };
    assert_eq!(
        refused(
            "Address: City,State/Region",
            "`Address: City` is unknown; the nearest is `city`; `State/Region` is unknown; the nearest is \
             `state`"
        ),
        "Address: City=city,State/Region=state"
    );
    assert_eq!(
        refused("Business City,Home City", "`Business City` is unknown; the nearest is `city`"),
        "Business City=city"
    );
    assert_eq!(
        refused("Street Address 2", "`Street Address 2` is unknown; the nearest is `address_line2`"),
        "Street Address 2=address_line2"
    );
    assert_eq!(refused("Shipping City", "`Shipping City` may be the `city` of another address"), "");
    assert_eq!(
        refused(
            "Billing City,Mailing City",
            "`Billing City` is unknown; the nearest is `city`; `Mailing City` is unknown; the nearest is \
             `city`"
        ),
        ""
    );
    let people = "Name,Title,domain,email,culture,language,first_name,last_name,address_line1,country";
    let people = people.replace("first_name,last_name", "Given name,Family name");
    let error = open(people.as_bytes()).map(|_| ()).unwrap_err();
    assert!(
        shown(&error).contains("line 1: `Name` may be a person's name; no column for `company_name`;"),
        "{error}"
    );
    // In other languages, and keys, they are suggestions.
    let is_suggested = |columns: &str, strict: bool| {
        let options = Options { strict, ..Options::default() };
        Reader::open(header(columns).as_bytes(), &options).map(|reader| {
            reader
                .header()
                .suggested_columns()
                .map(|it| format!("{}={}{}", it.column, it.field, if it.is_certain { "" } else { "?" }))
                .collect::<Vec<_>>()
                .join(",")
        })
    };
    assert_eq!(
        is_suggested("Ort,PLZ,Customer ID,Fax", false).unwrap(),
        "Ort=city,PLZ=postal_code,Customer ID=external_id"
    );
    let vague = "Estado=state?,NIP=organization_registration_number?";
    assert_eq!(is_suggested("Estado,Mailing Address,NIP,Fax", false).unwrap(), vague);
    assert_eq!(is_suggested("Estado,Provincia", false).unwrap(), "Provincia=state");
    let strict = is_suggested("Ort,Fax", true).map(|_| ()).unwrap_err();
    assert!(shown(&strict).contains("`Ort` may mean `city`; found"), "{strict}");
    assert_eq!(is_suggested("Fax,Mobile,Home Phone,Shipping Company,City,Home City", true).unwrap(), "");
    // A field with a column, or a column that is left out on purpose.
    check_header(&header("City,Business City"), &format!("{} city -", HEADER.replace(',', " ")));
    let options =
        Options { ignored_columns: vec!["address: city".to_owned()], strict: true, ..Options::default() };
    assert!(Reader::open(header("Address: City").as_bytes(), &options).is_ok());
}
