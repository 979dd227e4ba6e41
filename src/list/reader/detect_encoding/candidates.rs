//! The encodings that a list may be in, and how plausible each reads a sample of it.

use std::sync::LazyLock;

use super::super::encoding::Encoding;
use super::languages::{Cost, EastAsian, LANGUAGES, Set};
use super::plausibility::{Customs, Judge, Plausibility, Text};
use super::sample::Sample;

/// An encoding, the cost of the assumption that a list is in it, and what it is used for.
struct Candidate {
    name: &'static str,
    cost: Cost,
    use_: Use,
}

/// The languages for which an encoding is used.
#[derive(Clone, Copy)]
enum Use {
    Western,
    Central,
    Turkish,
    Baltic,
    Cyrillic,
    Greek,
    /// Rated only by their script.
    OtherScript,
    Is(EastAsian),
}

/// The more common an encoding is for lists, the lower its cost. Excel writes the first ones.
const CANDIDATES: [Candidate; 46] = {
    use EastAsian::{Japanese, Korean, SimplifiedChinese, TraditionalChinese};
    use Use::{Baltic, Central, Cyrillic, Greek, Is, OtherScript, Turkish, Western};
    const fn of(name: &'static str, cost: Cost, use_: Use) -> Candidate {
        Candidate { name, cost, use_ }
    }
    [
        of("windows-1252", 0, Western),
        of("windows-1250", 2, Central),
        of("windows-1251", 2, Cyrillic),
        of("windows-1253", 2, Greek),
        of("windows-1254", 4, Turkish),
        of("windows-1257", 4, Baltic),
        of("shift_jis", 4, Is(Japanese)),
        of("gbk", 4, Is(SimplifiedChinese)),
        of("big5", 4, Is(TraditionalChinese)),
        of("euc-kr", 4, Is(Korean)),
        of("euc-jp", 8, Is(Japanese)),
        of("macintosh", 4, Western),
        of("cp850", 6, Western),
        of("cp852", 6, Central),
        of("iso-8859-2", 6, Central),
        of("iso-8859-15", 8, Western),
        of("windows-1255", 6, OtherScript),
        of("windows-1256", 6, OtherScript),
        of("windows-874", 6, OtherScript),
        of("windows-1258", 8, OtherScript),
        of("iso-8859-6", 8, OtherScript),
        of("cp720", 10, OtherScript),
        of("cp862", 10, OtherScript),
        of("koi8-r", 6, Cyrillic),
        of("cp866", 6, Cyrillic),
        of("iso-8859-7", 6, Greek),
        of("cp437", 8, Western),
        of("cp857", 8, Turkish),
        of("cp858", 8, Western),
        of("cp775", 8, Baltic),
        of("cp737", 8, Greek),
        of("iso-8859-13", 8, Baltic),
        of("x-mac-ce", 4, Central),
        of("x-mac-turkish", 8, Turkish),
        of("x-mac-cyrillic", 8, Cyrillic),
        of("koi8-u", 8, Cyrillic),
        of("iso-8859-5", 10, Cyrillic),
        of("cp860", 10, Western),
        of("cp863", 10, Western),
        of("cp865", 10, Western),
        of("cp855", 12, Cyrillic),
        of("iso-8859-16", 14, Central),
        of("iso-8859-3", 16, Turkish),
        of("iso-8859-4", 18, Baltic),
        of("iso-8859-10", 18, Western),
        of("iso-8859-14", 16, Western),
    ]
};

/// The cost of an encoding that is detected and is not a candidate.
const COST_OF_OTHERS: Cost = 10;

impl Use {
    fn customs(self) -> Customs {
        const WESTERN: &str = "de fr es pt it sv fi da nb nl is ca en";
        let languages = match self {
            Use::Western => LANGUAGES.named(WESTERN),
            Use::Turkish => LANGUAGES.named(WESTERN).and(LANGUAGES.named("tr")),
            Use::Central => LANGUAGES.named("pl cs sk hu ro hr sl de"),
            Use::Baltic => LANGUAGES.named("lt lv"),
            Use::Cyrillic => LANGUAGES.named("ru uk bg"),
            Use::Greek => LANGUAGES.named("el"),
            Use::OtherScript | Use::Is(_) => Set::default(),
        };
        let east_asian = if let Use::Is(script) = self { Some(script) } else { None };
        Customs { languages, east_asian }
    }
}

/// How one or more encodings read a sample, all of them alike.
pub(super) struct Reading {
    /// The most common one first.
    pub(super) encodings: Vec<Encoding>,
    pub(super) plausibility: Plausibility,
    /// The number of lines with bytes that mean nothing in it.
    pub(super) gaps: usize,
}

impl Reading {
    pub(super) fn is_of(&self, encoding: Encoding) -> bool {
        self.encodings.contains(&encoding)
    }

    pub(super) fn cost(&self) -> Cost {
        self.plausibility.cost
    }
}

/// How the candidates and `others` read the sample, the most plausible first.
pub(super) fn readings(sample: &Sample, others: &[Encoding]) -> Vec<Reading> {
    static COMMON: LazyLock<Vec<(Encoding, Cost, Customs)>> = LazyLock::new(|| {
        let known = |candidate: &Candidate| {
            Some((Encoding::named(candidate.name)?, candidate.cost, candidate.use_.customs()))
        };
        CANDIDATES.iter().filter_map(known).collect()
    });
    let mut candidates = COMMON.clone();
    for other in others {
        if !candidates.iter().any(|(encoding, ..)| encoding == other) {
            // Text beyond ASCII is hardly ever valid UTF-8 by chance.
            let cost = if *other == Encoding::UTF_8 { 0 } else { COST_OF_OTHERS };
            candidates.push((*other, cost, Customs { languages: Set::ALL, east_asian: None }));
        }
    }
    let mut judge = Judge::default();
    let mut judged: Vec<(Encoding, Plausibility, usize)> = Vec::new();
    for (encoding, cost, customs) in candidates {
        let texts: Vec<_> = sample.lines.iter().map(|line| Text::of(line, encoding)).collect();
        let mut plausibility = judge.judge(&texts, customs);
        plausibility.cost += cost;
        judged.push((encoding, plausibility, texts.iter().filter(|text| text.has_gap()).count()));
    }
    judged.sort_by_key(|(_, plausibility, _)| plausibility.cost);
    let mut readings: Vec<Reading> = Vec::new();
    for (encoding, plausibility, gaps) in judged {
        match readings.iter_mut().find(|reading| reading.plausibility.words == plausibility.words) {
            Some(reading) => reading.encodings.push(encoding),
            None => readings.push(Reading { encodings: vec![encoding], plausibility, gaps }),
        }
    }
    let place = |encoding: &Encoding| COMMON.iter().position(|(candidate, ..)| candidate == encoding);
    readings.iter_mut().for_each(|reading| reading.encodings.sort_by_key(|encoding| place(encoding)));
    readings
}
