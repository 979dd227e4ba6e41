//! A matrix of code page × language × number of rows beyond ASCII: how many lists are read wrongly, and how many right ones
//! are refused. All companies and people are invented.

use std::fmt::Write as _;
use std::io::Cursor;

use super::super::encoding::{Charset, Encoding};
use super::super::error::Error;
use super::*;

struct List {
    culture: &'static str,
    /// Those in which such lists are met, beside UTF-8.
    encodings: &'static [&'static str],
    companies: &'static [&'static str],
    people: &'static [&'static str],
    streets: &'static [&'static str],
    cities: &'static [&'static str],
}

/// How many rows of a list are beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Sixty,
    Three,
    One,
}

impl List {
    fn country(&self) -> &str {
        &self.culture[3..]
    }

    /// A row in which all is in its language.
    fn row(&self, index: usize) -> String {
        let of = |texts: &[&'static str]| texts[index % texts.len()];
        let (first, last) = of(self.people).split_once(' ').unwrap();
        format!(
            "{},x{index},it@x{index}.example.com,{},{},{first},{last},{},{},,20457,{}",
            of(self.companies),
            self.culture,
            &self.culture[..2],
            of(self.streets),
            of(self.cities),
            self.country()
        )
    }

    /// A row of a British list, where only the company is beyond ASCII.
    fn row_abroad(&self, index: usize) -> String {
        let company = self.companies[index % self.companies.len()];
        format!("{company},x{index},it@x{index}.example.com,en-GB,en,Ann,Lee,1 High Street,Leeds,,LS1 4AP,GB")
    }

    /// Some lists with so many rows beyond ASCII.
    fn texts(&self, rows: Rows) -> Vec<String> {
        let starts = 0..self.companies.len();
        let text = |rows: Vec<String>| {
            let ascii =
                "Contoso,contoso,it@contoso.example.com,en-GB,en,Ann,Lee,1 High Street,Leeds,,LS1 4AP,GB\n"
                    .repeat(3);
            format!("{HEADER}\n{ascii}{}\n{ascii}", rows.join("\n"))
        };
        match rows {
            Rows::Sixty => vec![text((0..60).map(|index| self.row(index)).collect())],
            Rows::Three => {
                let three = |start| [start, start + 5, start + 10];
                let starts = starts.step_by(7);
                let at_home =
                    starts.clone().map(|start| text(three(start).map(|index| self.row(index)).to_vec()));
                let abroad =
                    starts.map(|start| text(three(start).map(|index| self.row_abroad(index)).to_vec()));
                at_home.chain(abroad).collect()
            }
            Rows::One => {
                let at_home = starts.clone().step_by(4).map(|index| text(vec![self.row(index)]));
                let abroad = starts.step_by(3).map(|index| text(vec![self.row_abroad(index)]));
                at_home.chain(abroad).collect()
            }
        }
    }
}

const HEADER: &str = "company_name,domain,email,culture,language,first_name,last_name,address_line1,city,state,postal_code,country";

/// `None` if the encoding lacks a character of it, or all of it is ASCII.
pub(super) fn encoded(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    let bytes = match encoding.0 {
        Charset::Web(web) => {
            let (bytes, _, has_unmappable) = web.encode(text);
            (!has_unmappable).then(|| bytes.into_owned())
        }
        Charset::Page(page) => {
            let chars = page.chars();
            let byte_of =
                |c| chars.iter().position(|known| *known == c).and_then(|byte| u8::try_from(byte).ok());
            text.chars().map(byte_of).collect()
        }
    };
    bytes.filter(|bytes| !bytes.is_ascii())
}

/// Old code pages have the Romanian letters with a cedilla only.
fn in_letters_of(encoding: Encoding, text: &str) -> String {
    if encoding == Encoding::UTF_8 {
        return text.to_owned();
    }
    text.replace('ș', "ş").replace('ț', "ţ").replace('Ș', "Ş").replace('Ț', "Ţ")
}

/// The number of lists, and what was wrong with them.
#[derive(Default)]
struct Count {
    lists: usize,
    wrong: Vec<String>,
    refused: Vec<String>,
    /// Refused, and the right reading is not the first one, or not shown at all.
    not_first: usize,
    not_shown: Vec<String>,
}

fn count(rows: Rows, is_meant: impl Fn(&str) -> bool, told: bool) -> Count {
    let mut count = Count::default();
    for list in LISTS {
        for name in list.encodings.iter().chain(&["utf-8"]).filter(|name| is_meant(name)) {
            let encoding = Encoding::named(name).unwrap();
            for text in list.texts(rows) {
                let text = in_letters_of(encoding, &text);
                let Some(bytes) = encoded(encoding, &text) else { continue };
                count.lists += 1;
                let sign = || {
                    let row = text.lines().find(|line| !line.is_ascii()).unwrap_or_default();
                    format!("{name} {} {}", list.country(), row.split(',').next().unwrap_or_default())
                };
                match encoding_of(&mut Cursor::new(&bytes), told.then_some(encoding)) {
                    Ok(found) if found.decode(&bytes) == text => {}
                    Ok(found) => count.wrong.push(format!("{} as {found}", sign())),
                    Err(Error::Encoding(EncodingUncertain::Readings { lines, .. })) => {
                        count.refused.push(format!(
                            "{}: {}",
                            sign(),
                            lines.iter().map(ToString::to_string).collect::<String>()
                        ));
                        let is_right = |shown: &str| text.contains(shown);
                        let rank = lines
                            .first()
                            .and_then(|line| line.texts.iter().position(|(shown, _)| is_right(shown)));
                        count.not_first += usize::from(rank != Some(0));
                        if rank.is_none() {
                            count.not_shown.push(sign());
                        }
                    }
                    Err(error) => count.refused.push(format!("{}: {error}", sign())),
                }
            }
        }
    }
    count
}

fn shown(texts: &[String]) -> String {
    texts.iter().fold(format!("{}", texts.len()), |mut all, text| {
        write!(all, "\n  {text}").unwrap();
        all
    })
}

/// Those that are told.
fn is_common(name: &str) -> bool {
    matches!(name, "windows-1252" | "windows-1250" | "utf-8")
}

#[test]
fn no_name_is_read_wrongly_and_right_lists_are_read() {
    for rows in [Rows::Sixty, Rows::Three, Rows::One] {
        let common = count(rows, is_common, false);
        let others = count(rows, |name| !is_common(name), false);
        let counts = format!(
            "{rows:?}: of {} lists in windows-1252, windows-1250 and UTF-8, read wrongly {}, refused {}\nof {} others, read \
             wrongly {}, refused {}, of these with the right reading not first {}, not shown {}",
            common.lists,
            shown(&common.wrong),
            shown(&common.refused),
            others.lists,
            shown(&others.wrong),
            others.refused.len(),
            others.not_first,
            shown(&others.not_shown),
        );
        assert!(common.wrong.is_empty() && others.wrong.is_empty(), "{counts}");
        let refused_max = if rows == Rows::One { common.lists / 20 } else { 0 };
        assert!(common.refused.len() <= refused_max, "{counts}");
        assert!(others.not_shown.len() * 50 <= others.lists, "{counts}");
    }
}

/// What the operator says is right.
#[test]
fn no_list_is_refused_under_its_own_encoding() {
    for rows in [Rows::Sixty, Rows::Three] {
        let told = count(rows, |_| true, true);
        assert!(
            told.wrong.is_empty() && told.refused.is_empty(),
            "{} {}",
            shown(&told.wrong),
            shown(&told.refused)
        );
    }
}

const LISTS: &[List] = &[
    List {
        culture: "de-DE",
        encodings: &[
            "windows-1252",
            "iso-8859-15",
            "macintosh",
            "cp850",
            "cp437",
            "windows-1250",
            "iso-8859-2",
            "windows-1254",
            "windows-1257",
            "cp852",
        ],
        companies: &[
            "Müller Maschinenbau GmbH",
            "Süßwaren Vöhringer KG",
            "Bäckerei Grünwald",
            "Österle & Söhne",
            "Fröhlich Möbelhaus GmbH",
            "Kühltechnik Jäger AG",
            "Schröder Gebäudetechnik",
            "Weißenfelser Schuhfabrik",
            "Hübsch Getränke oHG",
            "Gärtnerei Blümlein",
            "Schlüsseldienst Höß",
            "Tränkner Präzision GmbH",
            "Löwen-Apotheke",
            "Brauerei Königsbräu",
            "Ärztehaus Nord GmbH",
            "Bühler Wärmepumpen",
        ],
        people: &[
            "Jürgen Groß",
            "Käthe Böhm",
            "Björn Krüger",
            "Günther Schäfer",
            "Jörg Weiß",
            "Sören Möller",
            "Anneröse Köhler",
            "Hänsel Lübke",
            "Jürgen Strauß",
        ],
        streets: &["Königstraße 5", "Südallee 2", "Mühlgäßchen 7", "Am Schloßpark 1", "Lindenstraße 18"],
        cities: &["München", "Köln", "Düsseldorf", "Nürnberg", "Lübeck", "Würzburg", "Göttingen"],
    },
    List {
        culture: "fr-FR",
        encodings: &["windows-1252", "iso-8859-15", "macintosh", "cp850", "cp437", "cp863", "windows-1254"],
        companies: &[
            "Société Lefèvre",
            "Boulangerie du Château",
            "Électricité Générale de l'Ouest",
            "Pâtisserie Chez Zoé",
            "Menuiserie Lacôte",
            "Garage Préfontaine SARL",
            "L'Œuvre du Bâtisseur",
            "Cœur de Forêt",
            "Ça Bouge SAS",
            "Hôtel des Trois Îles",
            "Conseil & Stratégie",
            "Façades Besançon",
            "Noël Frères",
            "Ébénisterie Moreau",
            "Maïs et Blés SCOP",
            "Transports Géraud",
        ],
        people: &[
            "François Béranger",
            "Hélène Lefèvre",
            "Zoé Gérard",
            "Jérôme Müller",
            "Benoît Bézier",
            "Loïc Désiré",
            "Anaïs Garçon",
            "Gaëlle Béranger",
        ],
        streets: &[
            "12 allée des Chênes",
            "3 rue de l'Église",
            "8 impasse du Pré",
            "5 rue Félix Éboué",
            "2 place du Marché",
        ],
        cities: &["Orléans", "Nîmes", "Besançon", "Saint-Étienne", "Béziers", "Évreux", "Mâcon"],
    },
    List {
        culture: "es-ES",
        encodings: &["windows-1252", "iso-8859-15", "macintosh", "cp850", "cp437"],
        companies: &[
            "Peña Construcciones S.L.",
            "Compañía Ávila",
            "Logroño e Hijos",
            "Talleres Muñoz",
            "Panadería Española",
            "Jardinería El Níspero",
            "Cerámicas Ibáñez",
            "Electrónica Güell",
            "Librería Núñez",
            "Óptica Málaga",
            "Campañas y Diseños S.A.",
            "Viñedos del Río",
            "Año Nuevo Eventos",
            "Asesoría Fernández",
            "Niños Felices S.L.",
            "Señalización Vial Marín",
        ],
        people: &[
            "José Núñez",
            "Begoña García",
            "Íñigo Ibáñez",
            "Ángel Muñoz",
            "María Peña",
            "Iván López",
            "Inés Ordóñez",
        ],
        streets: &[
            "Calle Mayor nº 3",
            "Avda. de la Constitución 12",
            "Plaza España 1",
            "Camino Viejo de Cádiz 4",
        ],
        cities: &["Málaga", "Cádiz", "A Coruña", "Logroño", "León", "Córdoba", "Almería"],
    },
    List {
        culture: "pt-PT",
        encodings: &["windows-1252", "iso-8859-15", "macintosh", "cp850", "cp860"],
        companies: &[
            "Construções São Bento Lda",
            "Padaria Conceição",
            "Açúcar e Canela Lda",
            "Irmãos Simões",
            "Serviços de Informática Évora",
            "Águas do Tâmega",
            "Soluções Criativas",
            "Confecções Guimarães",
            "Cabeleireiro Inês",
            "Edições Magalhães",
            "Farmácia Brandão",
            "Óleos Alentejo",
            "Avelã & Pinhão",
            "Comércio de Peças Araújo",
            "Pão Quente Lda",
            "Feijão Verde",
        ],
        people: &[
            "João Guimarães",
            "Conceição Simões",
            "Inês Araújo",
            "António Magalhães",
            "Sónia Gonçalves",
            "Luís Brandão",
        ],
        streets: &[
            "Rua da Conceição 4",
            "Praça da República 2",
            "Avenida São João 9",
            "Travessa do Açougue 3",
        ],
        cities: &["São João da Madeira", "Évora", "Setúbal", "Guimarães", "Bragança", "Viana do Castelo"],
    },
    List {
        culture: "it-IT",
        encodings: &["windows-1252", "iso-8859-15", "macintosh", "cp850", "cp437"],
        companies: &[
            "Città Nuova Srl",
            "Qualità Italiana SpA",
            "Caffè Nardini",
            "Società Agricola Forlì",
            "Libertà Viaggi",
            "Perché No Gelati",
            "Più Luce Srl",
            "Università Popolare",
            "Novità Moda",
            "Attività Sportive Cantù",
            "Nicolò & Figli",
            "Felicità Snc",
        ],
        people: &["Nicolò Cantù", "Niccolò Dalcò", "Noè Forlì", "Nicolò Virtù"],
        streets: &["Via Libertà 3", "Piazza Unità d'Italia 1", "Viale Università 7"],
        cities: &["Forlì", "Cantù", "Cefalù", "Nardò", "Canicattì"],
    },
    List {
        culture: "pl-PL",
        encodings: &["windows-1250", "iso-8859-2", "cp852", "x-mac-ce", "windows-1257"],
        companies: &[
            "Przedsiębiorstwo Łąka",
            "Żółw i Spółka",
            "Usługi Budowlane Dąbrowski",
            "Piekarnia Świerk",
            "Księgarnia Pod Lipą",
            "Zakład Mięsny Wójcik",
            "Hurtownia Gałązka",
            "Biuro Rachunkowe Świt",
            "Złota Rączka",
            "Stolarnia Dębowa",
            "Kwiaciarnia Róża",
            "Śruba i Nakrętka Sp. z o.o.",
            "Jeździec Transport",
            "Cukiernia Słodka Chwila",
            "Łódzkie Tkaniny",
            "Ogród Marzeń",
        ],
        people: &[
            "Łukasz Wiśniewski",
            "Małgorzata Dąbrowska",
            "Paweł Wójcik",
            "Wiesława Kozłowski",
            "Michał Żak",
            "Bożena Zieliński",
        ],
        streets: &["ul. Świętokrzyska 4", "ul. Długa 12", "al. Jerozolimskie 5", "ul. Źródlana 3"],
        cities: &["Łódź", "Gdańsk", "Kraków", "Poznań", "Częstochowa", "Wrocław"],
    },
    List {
        culture: "cs-CZ",
        encodings: &["windows-1250", "iso-8859-2", "cp852", "x-mac-ce"],
        companies: &[
            "Stavební firma Dvořák",
            "Pekařství U Růže",
            "Kovářství Křížek",
            "Účetní služby Němec",
            "Zahradnictví Šípek",
            "Autodílna Příbram",
            "Tiskárna Černý Medvěd",
            "Železářství Žďár",
            "Truhlářství Beneš",
            "Účtárna Lípa s.r.o.",
            "Mlékárna Hlinsko",
            "Vinařství Pálava",
            "Řeznictví Sýkora",
            "Květinářství Sedmikráska",
            "Stěhování Čáp",
            "Sklářská huť Bohemia",
        ],
        people: &[
            "Jiří Dvořák",
            "Tomáš Novák",
            "Zdeněk Procházka",
            "Lukáš Kučera",
            "Božena Veselý",
            "Růžena Růžička",
        ],
        streets: &["Lipová 5", "Náměstí Míru 3", "Hřbitovní 8", "Žižkova 12"],
        cities: &["Plzeň", "České Budějovice", "Příbram", "Děčín", "Třebíč"],
    },
    List {
        culture: "hu-HU",
        encodings: &["windows-1250", "iso-8859-2", "cp852", "x-mac-ce"],
        companies: &[
            "Győri Fűszer Kft",
            "Kőműves és Társa Bt",
            "Szőlőskert Borászat",
            "Erdős Faipari Kft",
            "Fűtéstechnika Nyíregyháza",
            "Zöld Mező Zrt",
            "Hűtőgép Szerviz",
            "Tűzvédelem Pécs Kft",
            "Örömfőzés Catering",
            "Kovács Építőipari Kft",
            "Gyümölcs Nagyker",
            "Napsütés Szolgáltató",
            "Éltető Víz Kft",
            "Üveges Műhely",
            "Könyvelő Iroda Tóth",
            "Virágbolt Szegő",
        ],
        people: &[
            "László Kőszegi",
            "Gergő Szabó",
            "Erzsébet Tóth",
            "Zoltán Kovács",
            "Márton Győrffy",
            "Jenő Erdős",
        ],
        streets: &["Petőfi utca 3", "Kossuth tér 1", "Szőlő köz 8", "Rákóczi út 22"],
        cities: &["Győr", "Pécs", "Nyíregyháza", "Szekszárd", "Gödöllő", "Érd"],
    },
    List {
        culture: "tr-TR",
        encodings: &["windows-1254", "cp857", "x-mac-turkish"],
        companies: &[
            "Şahin A.Ş.",
            "Yıldız İnşaat Ltd. Şti.",
            "Doğan Tekstil",
            "Işık Elektrik",
            "Güneş Gıda Sanayi",
            "Çağlar Mobilya",
            "Öztürk Nakliyat",
            "Kılıç Danışmanlık",
            "Aydın Züccaciye",
            "İpek Halıcılık",
            "Başarı Eğitim",
            "Kuş Bakışı Yazılım",
            "Ağaoğlu Turizm",
            "Söğüt Ormancılık",
            "Büyük Ümit Ticaret",
            "Altın Kapı Kuyumculuk",
        ],
        people: &["Ayşe Yılmaz", "Oğuz Öztürk", "Işıl Şahin", "Çağla Kılıç", "Gökhan Doğan", "Şule Çelik"],
        streets: &["Atatürk Caddesi 5", "Çiçek Sokağı 8", "Bağdat Caddesi 112", "İstiklal Caddesi 7"],
        cities: &["İstanbul", "İzmir", "Muğla", "Eskişehir", "Şanlıurfa"],
    },
    List {
        culture: "lt-LT",
        encodings: &["windows-1257", "iso-8859-13", "cp775"],
        companies: &[
            "UAB Šviesos Namai",
            "Eglė ir Ko",
            "Žalgirio Statyba",
            "Vėjo Energija",
            "Ąžuolo Baldai",
            "Kęstučio Transportas",
            "Mėlynas Dangus",
            "Pušynė UAB",
            "Gėlių Pasaulis",
            "Šiaulių Duona",
            "Vilniaus Žirklės",
            "Ūkininko Krautuvė",
            "Dvi Sesės MB",
            "Švarūs Langai",
            "Rūtos Kepykla",
            "Grįžulas UAB",
        ],
        people: &[
            "Žydrūnas Petrauskienė",
            "Eglė Žukauskas",
            "Kęstutis Šimkus",
            "Rūta Jankūnas",
            "Šarūnas Bagdonavičienė",
        ],
        streets: &["Gedimino pr. 5", "Žirmūnų g. 12", "Šviesos g. 3", "Ąžuolų g. 7"],
        cities: &["Šiauliai", "Panevėžys", "Klaipėda", "Mažeikiai", "Tauragė"],
    },
    List {
        culture: "lv-LV",
        encodings: &["windows-1257", "iso-8859-13", "cp775"],
        companies: &[
            "SIA Bērziņš un Dēli",
            "Rīgas Maizes Ceptuve",
            "Ķekavas Dārzi",
            "Zaļā Pļava",
            "Jūras Vējš",
            "Ābolu Sēta",
            "Kalniņu Būve",
            "Cēsu Mēbeles",
            "Lācis un Vilks",
            "Liepājas Tērauds",
            "Ģimenes Ārsts SIA",
            "Šūšanas Darbnīca",
            "Ozoliņa Zobārstniecība",
            "Ūdens Serviss",
            "Mežābele",
            "Ceļu Būvnieks",
        ],
        people: &["Jānis Bērziņš", "Māra Kalniņa", "Pēteris Ozoliņš", "Līga Krūmiņš", "Ģirts Zariņš"],
        streets: &["Brīvības iela 5", "Krišjāņa Barona iela 3", "Dārza iela 8"],
        cities: &["Rīga", "Liepāja", "Jēkabpils", "Rēzekne", "Cēsis"],
    },
    List {
        culture: "ro-RO",
        encodings: &["windows-1250", "iso-8859-2", "cp852"],
        companies: &[
            "Construcții Brașov SRL",
            "Cofetăria Măgura",
            "Grădina Bunicii",
            "Pâinea Caldă SRL",
            "Încălzire Târgoviște",
            "Vânătorul Fericit",
            "Școala de Șoferi Iași",
            "Țesături Sibiu",
            "Băcănia Veche",
            "Mobilă Bistrița",
            "Ștefan & Fiii",
            "Tâmplăria Cluj",
            "Fântâna Rece",
            "Livezile Argeșului",
            "Transport Pășcani",
            "Cărbune și Fier",
        ],
        people: &[
            "Ștefan Bălan",
            "Ioniță Ionescu-Țăranu",
            "Mălina Pârvu",
            "Răzvan Rădulescu",
            "Cătălin Stănescu",
        ],
        streets: &[
            "Strada Mihai Viteazu 3",
            "Șoseaua Nordului 5",
            "Bulevardul Unirii 8",
            "Strada Grădinii 2",
        ],
        cities: &["București", "Brașov", "Iași", "Constanța", "Timișoara", "Bacău"],
    },
    List {
        culture: "sv-SE",
        encodings: &["windows-1252", "iso-8859-15", "macintosh", "cp850", "cp437"],
        companies: &[
            "Ångström Bygg AB",
            "Västkustens Måleri",
            "Åkeri Sjöberg",
            "Östersunds Plåt AB",
            "Färg & Golv i Växjö",
            "Höganäs Kök",
            "Jämtlands Trä",
            "Skånes Brödbod",
            "Göteborgs Rör AB",
            "Mälardalens Städ",
            "Björklunds El",
            "Råå Hamnkafé",
            "Häggströms Åkeri",
            "Blåsippan Förskola",
            "Nyköpings Däck",
            "Sågverket i Örebro",
        ],
        people: &[
            "Åsa Sjöberg",
            "Björn Ångström",
            "Göran Hägg",
            "Märta Åkesson",
            "Sören Öberg",
            "Pär Sjöberg",
        ],
        streets: &["Storgatan 5", "Västra Vägen 3", "Ängsvägen 8", "Åsgatan 12"],
        cities: &["Malmö", "Göteborg", "Örebro", "Växjö", "Västerås"],
    },
    List {
        culture: "fi-FI",
        encodings: &["windows-1252", "iso-8859-15", "macintosh", "cp850", "cp437"],
        companies: &[
            "Jyväskylän Työ Oy",
            "Hämäläinen ja Pojat",
            "Kylmälaite Mäkinen",
            "Päijänteen Veneet",
            "Töölön Leipä Oy",
            "Rakennusliike Lähde",
            "Sähkö-Hietamäki",
            "Kääntöpiiri",
            "Metsätyö Heikkilä",
            "Ikkunanpesu Väisänen",
            "Pöytälaatikko Oy",
            "Yrttitarha Äijälä",
        ],
        people: &["Päivi Hämäläinen", "Jyrki-Väinö Mäkelä", "Äänis Väisänen", "Tyyne-Mäki Lähteenmäki"],
        streets: &["Hämeentie 5", "Mäkikatu 3", "Töölönkatu 8"],
        cities: &["Jyväskylä", "Hämeenlinna", "Seinäjoki", "Kemijärvi"],
    },
    List {
        culture: "da-DK",
        encodings: &["windows-1252", "iso-8859-15", "macintosh", "cp850", "cp865"],
        companies: &[
            "Søndergaard ApS",
            "Brødrene Kjær",
            "Ærø Bryggeri",
            "Åens Cykler",
            "Smørrebrød & Co",
            "Hjørring Tømrer",
            "Rødovre Værktøj",
            "Grønt Håb",
            "Bøgelunds Planteskole",
            "Fjordens Røgeri",
            "Skærbæk Møbler",
            "Nørre Nebel Lås",
            "Kystens Fæstninger",
            "Lærkens Børnehave",
        ],
        people: &["Søren Sørensen", "Jørgen Kjær", "Åse Nørgaard", "Bærta Bæk", "Søren Højgård"],
        streets: &["Nørregade 5", "Skovbrynet 3", "Strandvænget 8", "Åboulevarden 2"],
        cities: &["København", "Århus", "Ålborg", "Næstved", "Hjørring"],
    },
    List {
        culture: "nb-NO",
        encodings: &["windows-1252", "iso-8859-15", "macintosh", "cp850", "cp865"],
        companies: &[
            "Ålesund Båtbyggeri",
            "Tromsø Fiskemottak",
            "Bjørnstad Rør AS",
            "Fjellhøy Gård",
            "Sørlandets Trær",
            "Grønn Kjøkken AS",
            "Lillestrøm Lås",
            "Værøy Sjømat",
            "Brødrene Næss",
            "Håkonsen Maskin",
            "Bokhandel Røros",
            "Ås Hagesenter",
        ],
        people: &["Øystein Bjørnstad", "Bjørn Næss", "Håkon Ødegård", "Pål Sæther"],
        streets: &["Storgata 5", "Sjøgata 3", "Bygdøy allé 8"],
        cities: &["Tromsø", "Bodø", "Ålesund", "Lillestrøm"],
    },
    List {
        culture: "nl-NL",
        encodings: &["windows-1252", "iso-8859-15", "macintosh", "cp850", "cp437"],
        companies: &[
            "Noordzee Coöperatie",
            "Financiële Diensten Zeeuws",
            "Reünie Evenementen",
            "Geïsoleerd Bouwen",
            "België Import BV",
            "Zoë Kapsalon",
            "Ruïne Restauratie",
            "Café de Brug",
        ],
        people: &["Zoë Hoogeveen", "Michaël Coëst", "Daniël Hoogeveen"],
        streets: &["Kerkstraat 5"],
        cities: &["Driëbergen", "Oisterwijk"],
    },
    List {
        culture: "ru-RU",
        encodings: &["windows-1251", "koi8-r", "cp866", "iso-8859-5", "x-mac-cyrillic", "cp855"],
        companies: &[
            "ООО Ромашка",
            "Северный ветер",
            "Торговый дом Берёзка",
            "Строймонтаж Плюс",
            "Аптека на Садовой",
            "Хлебозавод Заря",
            "Юридическое бюро Щит",
            "Мебельная фабрика Кедр",
        ],
        people: &["Иван Смирнов", "Ольга Кузнецова", "Юрий Щербаков", "Наталья Ёлкина"],
        streets: &["ул. Ленина 5", "Невский проспект 12", "ул. Садовая 3"],
        cities: &["Москва", "Казань", "Тверь", "Новосибирск"],
    },
    List {
        culture: "el-GR",
        encodings: &["windows-1253", "iso-8859-7", "cp737"],
        companies: &[
            "Εταιρεία Παράδειγμα ΑΕ",
            "Αφοί Παπαδόπουλοι",
            "Φούρνος Η Πλατεία",
            "Ναυτιλιακή Ωκεανός",
            "Ελαιουργείο Κρήτης",
            "Τεχνική Ήπειρος",
            "Οίνοι Νεμέας",
            "Βιβλιοπωλείο Γνώση",
        ],
        people: &["Γιώργος Παπαδόπουλος", "Ελένη Οικονόμου", "Κώστας Νικολάου"],
        streets: &["Οδός Ερμού 5", "Λεωφόρος Αθηνών 12"],
        cities: &["Αθήνα", "Θεσσαλονίκη", "Πάτρα"],
    },
    List {
        culture: "ja-JP",
        encodings: &["shift_jis", "euc-jp"],
        companies: &[
            "株式会社山本",
            "髙橋商事株式会社",
            "有限会社富士見",
            "札幌工業㈱",
            "さくら電機",
            "テスト商会",
            "合同会社みどり",
            "東海ソフトウェア株式会社",
            "日本橋印刷",
            "ひまわり薬局",
        ],
        people: &["太郎 佐藤", "花子 鈴木", "健一 渡辺", "美咲 伊藤"],
        streets: &["千代田1-1-1", "南青山2丁目", "本町3番地"],
        cities: &["千代田区", "札幌市", "名古屋市", "大阪市"],
    },
    List {
        culture: "zh-CN",
        encodings: &["gbk", "gb18030"],
        companies: &[
            "华东有限公司",
            "联想集团",
            "广发贸易有限公司",
            "上海苏宁科技有限公司",
            "海尔电器",
            "东方红广告",
            "新世纪物流",
            "金桥软件公司",
            "长江建筑工程",
            "春风食品厂",
        ],
        people: &["伟 王", "娜 李", "秀英 欧阳", "建国 刘"],
        streets: &["南京路1号", "人民路2号", "解放大街8号"],
        cities: &["上海", "广州", "深圳", "北京"],
    },
    List {
        culture: "zh-TW",
        encodings: &["big5"],
        companies: &[
            "台灣電子股份有限公司",
            "華碩貿易",
            "統一食品",
            "國泰建設公司",
            "遠東紡織",
            "永豐印刷廠",
            "大同資訊",
            "長榮物流",
            "寶島眼鏡行",
            "臺北書店",
        ],
        people: &["志明 陳", "淑芬 林", "怡君 黃", "家豪 張"],
        streets: &["忠孝東路1號", "中山北路2號", "民生路三段8號"],
        cities: &["台北市", "高雄市", "台中市", "新竹市"],
    },
    List {
        culture: "ko-KR",
        encodings: &["euc-kr"],
        companies: &[
            "주식회사 한빛",
            "서울전자",
            "대한무역 주식회사",
            "새벽식품",
            "부산건설",
            "한국소프트웨어",
            "미래교육",
            "동방물산",
            "푸른나무 유통",
            "제일인쇄",
        ],
        people: &["민수 김", "지영 이", "영호 박", "수진 최"],
        streets: &["강남대로 12", "세종로 3", "중앙로 8"],
        cities: &["서울", "부산", "대구", "인천"],
    },
];
