//! Detects UTF-8 or Windows-1252 from every byte of a file, before the file is parsed.
//!
//! ASCII is the same in both encodings, and the first other character may be in the last row. A name that is read in
//! the wrong encoding becomes a customer with a wrong name, which cannot be undone. So the file is read once to detect
//! the encoding. A file that fits neither encoding is an [`EncodingUncertain`], not a guess. This covers bytes that
//! Windows-1252 does not define, a mix of UTF-8 and other bytes, and text that looks like another encoding.
//! `chardetng`, the detector that Firefox uses for web pages, and a few signs of the DOS code pages show the latter.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use super::counting::count;
use super::encoding::Encoding;
use super::error::{EncodingUncertain, Error};

/// The size of one read; large enough that the cost of system calls does not matter.
const BUFFER_BYTES: usize = 256 * 1024;

/// How many bytes of non-UTF-8 text the detector gets. The detector is slow, and more bytes rarely change its result.
const DETECTOR_BYTES: usize = 1024 * 1024;

/// The maximum length of a character in UTF-8.
const UTF8_CHARACTER_BYTES_MAX: usize = 4;

/// The encoding of the rest of `input`.
pub(super) fn encoding_of(input: &mut impl Read) -> Result<Encoding, Error> {
    let mut detection = EncodingDetection::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut kept, mut offset) = (0, 0);
    loop {
        let read = match input.read(&mut buffer[kept..]) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(Error::Read { offset, source }),
        };
        offset += read as u64;
        let length = kept + read;
        let counted = detection.count(&buffer[..length], read == 0);
        if read == 0 {
            return detection.verdict().map_err(Error::Encoding);
        }
        buffer.copy_within(counted..length, 0);
        kept = length - counted;
    }
}

struct EncodingDetection {
    /// The number of valid UTF-8 characters of more than one byte.
    characters: u64,
    /// The number of invalid bytes or incomplete characters.
    faults: u64,
    /// Receives text from the first fault on. The text before is ASCII, or has so many characters that it is surely
    /// UTF-8.
    detector: EncodingDetector,
    detector_bytes: usize,
    last_three: [u8; 3],
    looks_like_dos: bool,
    has_undefined: bool,
}

impl EncodingDetection {
    fn new() -> Self {
        Self {
            characters: 0,
            faults: 0,
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            detector_bytes: 0,
            last_three: [0; 3],
            looks_like_dos: false,
            has_undefined: false,
        }
    }

    /// Counts the characters and faults in `bytes`. Returns how many bytes it has counted: all, except the beginning of
    /// a character that continues after them, unless these bytes are the last.
    fn count(&mut self, bytes: &[u8], is_last: bool) -> usize {
        let mut counted = 0;
        while counted < bytes.len() {
            let (valid, rest) =
                bytes[counted..].split_at(encoding_rs::Encoding::utf8_valid_up_to(&bytes[counted..]));
            // Every character beyond ASCII has exactly one byte in this range, its first byte.
            self.characters += count(valid, |byte| byte >= 0xC0);
            counted += valid.len();
            match fault_length(rest) {
                _ if rest.is_empty() => break,
                Some(length) => counted += length,
                None if is_last => counted = bytes.len(),
                None => break,
            }
            self.faults += 1;
        }
        let bytes = &bytes[..counted];
        if self.faults > 0 {
            self.look_closer(bytes);
        } else {
            self.look_for_dos(&bytes[counted.saturating_sub(2)..]);
        }
        counted
    }

    fn look_closer(&mut self, bytes: &[u8]) {
        self.has_undefined |= bytes.iter().any(|byte| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D));
        self.look_for_dos(bytes);
        let free = (DETECTOR_BYTES - self.detector_bytes).min(bytes.len());
        self.detector.feed(&bytes[..free], false);
        self.detector_bytes += free;
    }

    fn look_for_dos(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.last_three = [self.last_three[1], self.last_three[2], byte];
            self.looks_like_dos |= is_letter_of_dos(self.last_three);
        }
    }

    fn verdict(mut self) -> Result<Encoding, EncodingUncertain> {
        // A few invalid cells in a UTF-8 file are reported with their rows.
        if self.faults == 0 || self.characters > self.faults {
            return Ok(Encoding::UTF_8);
        }
        if self.characters > 0 {
            return Err(EncodingUncertain::Mixed);
        }
        if self.has_undefined || self.looks_like_dos {
            return Err(EncodingUncertain::NotWindows1252);
        }
        self.detector.feed(b"", true);
        let guess = Encoding::named(self.detector.guess(None, Utf8Detection::Deny).name());
        match guess.filter(|guess| *guess != Encoding::WINDOWS_1252) {
            Some(other) => Err(EncodingUncertain::Rather(other)),
            None => Ok(Encoding::WINDOWS_1252),
        }
    }
}

/// The length of the fault at the beginning of these bytes; `None` if a character may only be cut off.
fn fault_length(bytes: &[u8]) -> Option<usize> {
    let start = &bytes[..bytes.len().min(UTF8_CHARACTER_BYTES_MAX)];
    std::str::from_utf8(start).err().and_then(|error| error.error_len())
}

/// Windows-1252 has low quotation marks, daggers and similar marks that do not occur between two letters. The DOS code
/// pages have `é`, `ä`, `ö` and other letters at the same bytes.
fn is_letter_of_dos([before, byte, after]: [u8; 3]) -> bool {
    let is_mark =
        matches!(byte, 0x80 | 0x82 | 0x83 | 0x84 | 0x86..=0x89 | 0x8B | 0x93 | 0x94 | 0x98 | 0x99 | 0x9B);
    is_mark && before.is_ascii_alphabetic() && after.is_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns its bytes a few at a time.
    struct Dripping<'a>(&'a [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let take = self.1.min(self.0.len()).min(buffer.len());
            self.0.read(&mut buffer[..take])
        }
    }

    #[track_caller]
    fn check(text: impl AsRef<[u8]>, expected: Result<&str, EncodingUncertain>) {
        let text = text.as_ref();
        for size in [1, 3, text.len().max(1)] {
            let found = encoding_of(&mut Dripping(text, size)).map(Encoding::name);
            let found = found.map_err(|error| match error {
                Error::Encoding(doubt) => doubt,
                other => panic!("{other}"),
            });
            assert_eq!(found, expected, "{} by {size}", String::from_utf8_lossy(text));
        }
    }

    fn in_encoding(label: &str, text: &str) -> Vec<u8> {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        let (bytes, _, has_unmappable) = encoding.encode(text);
        assert!(!has_unmappable, "{text}");
        bytes.into_owned()
    }

    #[test]
    fn utf_8_and_windows_1252_are_distinguished_even_by_the_last_byte() {
        check("", Ok("UTF-8"));
        check("name,city\nContoso,Leeds\n", Ok("UTF-8"));
        check("name,city\nMüller 日本 🙂,Köln\n", Ok("UTF-8"));
        let ascii = "Contoso,Leeds\n".repeat(40_000);
        check(format!("{ascii}Köln"), Ok("UTF-8"));
        let western = in_encoding("windows-1252", &format!("{ascii}Köln"));
        assert_eq!(encoding_of(&mut &western[..]).unwrap(), Encoding::WINDOWS_1252);
        for text in [
            "name,city\nMüller GmbH,Köln\n",
            "name,city\nCafé d’Été,Orléans\nL’Œuvre,Nîmes\n",
            "name,city\nPeña e Hijos,Logroño\nAção – Serviços,São Paulo\n",
            "name,city\nÅse & Sønner,Tromsø\nHäggströms,Malmö\nJyväskylän Työ Oy,Jyväskylä\n",
            "name;price\nContoso;10 €\n",
            "name\nSmith’s “Corner” Shop\n",
        ] {
            check(in_encoding("windows-1252", text), Ok("windows-1252"));
        }
    }

    #[test]
    fn a_few_faults_among_utf_8_leave_it_utf_8() {
        check(b"M\xC3\xBCller,K\xC3\xB6ln,M\xFCller", Ok("UTF-8"));
        check(b"M\xC3\xBCller,K\xF6ln,M\xFCller", Err(EncodingUncertain::Mixed));
        // The text ends in the middle of a character.
        check(b"M\xC3\xBCller,K\xC3\xB6ln,M\xC3", Ok("UTF-8"));
    }

    #[test]
    fn what_may_be_another_encoding_is_no_guess() {
        let rather = |name| Err(EncodingUncertain::Rather(Encoding::named(name).unwrap()));
        let cyrillic = "название,город\nООО Ромашка,Москва\nЗАО Северный ветер,Санкт-Петербург\n";
        check(in_encoding("windows-1251", cyrillic), rather("windows-1251"));
        let polish =
            "nazwa,miasto\nPrzedsiębiorstwo Łąka,Łódź\nŻółw i spółka,Gdańsk\nŚwięty Krzyż,Częstochowa\n";
        check(in_encoding("windows-1250", polish), rather("windows-1250"));
        let greek = "Εταιρεία Παράδειγμα,Αθήνα\n";
        check(in_encoding("windows-1253", greek), rather("windows-1253"));
        // Code page 850: `München`, then `Köln`, then `Café`.
        check(b"M\x81nchen", Err(EncodingUncertain::NotWindows1252));
        check(b"K\x94ln", Err(EncodingUncertain::NotWindows1252));
        check(b"caf\x82s", Err(EncodingUncertain::NotWindows1252));
        let japanese = in_encoding("shift_jis", "株式会社サンプル,東京都\nテスト商事,大阪市\n");
        assert!(encoding_of(&mut &japanese[..]).is_err());
    }
}
