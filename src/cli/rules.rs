//! `tenantry rules update`: fetches country rules. Also loads them for commands that validate rows.

use std::time::Duration;

use tokio::time::Instant;

use super::input::{self, InputFile};
use super::inquiry::Inquiry;
use super::settings::{self, ServiceConnection};
use super::signals::Interruption;
use super::{ExitCode, Failure, Output, args};
use tenantry_model::thread::on_thread;

use crate::clock;
use crate::country_rules::{self, Cache, Contents, NamedCountries, Update, UpdateError};
use crate::partner_center::Outcome;
use crate::printable::escape_for_terminal;
use crate::reader::{self, Reader};
use crate::report::{counted, spoken};
use crate::validation::{self, LiveRules, Validator};

/// The country rules that were fetched from an API, by the API's name in ledgers. Prints their countries and dates.
pub(crate) fn live(api: &str, output: &Output) -> Vec<LiveRules> {
    let Some(cache) = Cache::of(api) else { return Vec::new() };
    let contents = cache.load();
    if let Some(days) = days(&contents) {
        output.note(format_args!("Country rules {days}."));
    }
    for (file, reason) in &contents.unusable {
        output.note(format_args!("Country rules in `{}` are not used: {reason}.", file.display()));
    }
    contents.rules.into_iter().map(|cached| cached.rules).collect()
}

/// The countries for each day on which rules were fetched, newest day first.
fn days(contents: &Contents) -> Option<String> {
    let mut days: Vec<(String, Vec<&str>)> = Vec::new();
    for cached in &contents.rules {
        let day = clock::zoned(cached.fetched_at).strftime("%Y-%m-%d").to_string();
        match days.iter_mut().find(|(known, _)| *known == day) {
            Some((_, countries)) => countries.push(&cached.country),
            None => days.push((day, vec![&cached.country])),
        }
    }
    days.sort_by(|(a, _), (b, _)| b.cmp(a));
    let mut words = days.into_iter().map(|(day, countries)| (day, countries.join(", ")));
    let (day, countries) = words.next()?;
    let newest = format!("of {day} from Partner Center: {countries}");
    Some(words.fold(newest, |words, (day, countries)| format!("{words}; of {day}: {countries}")))
}

pub(crate) async fn update(args: args::RulesUpdate, output: &Output) -> Result<ExitCode, Failure> {
    // Open the files first, so that with a misspelt name nothing is looked up.
    let inputs = args.files.iter().map(InputFile::open).collect::<Result<Vec<_>, _>>()?;
    let interruption = Interruption::listen();
    let cache = Cache::of(&settings::api_name(&args.connection, &args.rehearsal)?)
        .ok_or_else(|| Failure::new(ExitCode::Failed, "could not find a cache folder for this user"))?;
    let options = args.layout.reader_options(output);
    let reading = read(inputs, options, cache.clone());
    let mut named = interruption.unless(reading).await??;
    report_rows_left_out(&named, output);
    named.codes.extend(args.countries);
    if named.codes.is_empty() {
        output.note("There is no country to ask about.");
        return Ok(ExitCode::Done);
    }
    let connection = ServiceConnection::prepare(&args.connection, args.rehearsal.simulate.as_ref(), None)?;
    let inquiry = Inquiry::begin(connection, &args.pace, &interruption, output).await?;
    let fetched = fetch(&named, &inquiry, &cache, args.pace.max_outage, output).await;
    inquiry.close().await;
    fetched
}

/// Reads all files, on a separate thread, because standard input can block.
async fn read(
    inputs: Vec<InputFile>,
    options: reader::Options,
    cache: Cache,
) -> Result<NamedCountries, Failure> {
    let reading = on_thread("lists", move || {
        // Includes the cached rules, so that countries that only the service knows are recognized.
        let live_rules = cache.load().rules.into_iter().map(|cached| cached.rules).collect();
        let validator = Validator::new(validation::Settings {
            live_rules,
            defaults: options.defaults.clone(),
            ..Default::default()
        });
        let mut named = NamedCountries::default();
        for InputFile { source, .. } in inputs {
            Reader::open_input(source.input, options.clone())
                .and_then(|reader| named.add(reader, &validator))
                .map_err(|error| unreadable(&source.path, &error))?;
        }
        Ok(named)
    });
    reading.map_err(|error| Failure::io("could not read the lists", &error))?.joined().await
}

fn unreadable(path: &str, error: &reader::Error) -> Failure {
    let failure = Failure::of(ExitCode::Failed, error).within(format!("could not read `{path}`"));
    failure.with_hint(input::hint(error).unwrap_or_else(|| {
        "correct the file, then run this command \
                                                            again"
            .to_owned()
    }))
}

fn report_rows_left_out(named: &NamedCountries, output: &Output) {
    if named.rows_without > 0 {
        let strangers: Vec<String> = named
            .strangers
            .iter()
            .map(|stranger| match &stranger.suggestion {
                Some(code) => format!("`{}` ({code}?)", stranger.value),
                None => format!("`{}`", stranger.value),
            })
            .collect();
        output.note(format_args!(
            "Left out: {} without a country that Partner Center sells to, such as {}.",
            counted(named.rows_without, "row"),
            strangers.join(", ")
        ));
    }
    if named.rows_at_fault > 0 {
        output.note(format_args!(
            "Skipped: {} whose cells cannot be read.",
            counted(named.rows_at_fault, "row")
        ));
    }
}

/// Fetches the rules of each country, and prints each result.
async fn fetch(
    named: &NamedCountries,
    inquiry: &Inquiry,
    cache: &Cache,
    max_outage: Duration,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let mut fetched = 0;
    let mut answered_at = Instant::now();
    // If standard output fails, fetching continues.
    let mut printed = Ok(());
    for country in &named.codes {
        let words = match country_rules::update(&inquiry.caller, cache, country).await {
            Ok(updated) => {
                answered_at = Instant::now();
                fetched += usize::from(matches!(updated, Update::Updated | Update::Unchanged));
                describe(updated)
            }
            Err(UpdateError::Unanswered(Outcome::Unknown(silence))) => {
                let lasted = answered_at.elapsed();
                if lasted > max_outage || silence.is_on_the_way() {
                    let message = format!("stopped: no answer for {}", spoken(lasted));
                    return Err(Failure::new(ExitCode::Failed, message).because_of(silence));
                }
                format!("could not be fetched: {silence}")
            }
            Err(UpdateError::Unanswered(unanswered)) => return Err(inquiry.failure(unanswered)),
            Err(UpdateError::Cache(error)) => {
                let what = format!("could not write to `{}`", cache.folder().display());
                return Err(Failure::io(what, &error));
            }
        };
        printed =
            printed.and_then(|()| output.result(&format!("{country}  {}\n", escape_for_terminal(&words))));
    }
    if fetched > 0 {
        let folder = cache.folder().display();
        output.note(format_args!("Stored in `{folder}`; `check` and `import` use these rules from now on."));
    }
    printed?;
    Ok(if fetched == named.codes.len() { ExitCode::Done } else { ExitCode::SomeRefused })
}

fn describe(update: Update) -> String {
    match update {
        Update::Updated => "updated".to_owned(),
        Update::Unchanged => "unchanged".to_owned(),
        Update::NoRules => "Partner Center has no rules".to_owned(),
        Update::Unusable(reason) => format!("could not be fetched: {reason}"),
    }
}
