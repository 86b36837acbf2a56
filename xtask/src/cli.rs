//! What may be typed after `cargo xtask`.

use std::ffi::OsString;

use crate::suites;

/// Printed by `cargo xtask help`.
pub(crate) const HELP: &str = "\
Builds, serves and tests Wirescope. Whatever is missing is installed: tools into target/tools, the Wasm
target through rustup, and for the tests Chromium and Firefox from Debian's packages.

cargo xtask serve [--listen ADDR] [--open] [-- SERVER FLAGS]
    Builds the page and the server, then serves the page on http://127.0.0.1:8080.
        --listen ADDR   another address; port 0 takes a free port
        --open          opens the browser as well
        -- FLAGS        any of the server's flags; `-- --help` lists them

cargo xtask build
    Builds the page, then the release server with the page inside it, and prints where it is.

cargo xtask test [--only SUITE[,SUITE]] [--list] [--full]
    Runs every suite and ends with a table; this is what CI runs.
        --only SUITES   only these, in the usual order
        --list          lists the suites and what each one does
        --full          leaks, heap and chaos in their long form (about half an hour more)

cargo xtask bench client [--rounds N] [--against FOLDER] [--sizes]
    Measures the client library against hand-written JavaScript and other crates in one Chromium: the time
    of the page's main thread, the rate, and what the smallest app of each costs to load.
        --rounds N          how often each is measured; 30 by default, about 5 minutes
        --against FOLDER    a copy of target/bench/client from another build, measured beside this one
        --sizes             only the smallest apps

cargo xtask bench server [--rounds N] [--seconds S] [--only NAME[;NAME]] [--against PROGRAM]
    Measures the release server against a bare loop, other WebSocket libraries and Node's ws, where node is:
    CPU by the operating system's account, rate, round trips, and memory of idle connections.
        --rounds N          how often each is measured; 5 by default, about 6 minutes
        --seconds S         how long each is loaded at a time; 0.5 by default
        --only NAMES        only the workloads and servers whose names contain one of these
        --against PROGRAM   another build of the server, measured beside this one

cargo xtask bench server --check [--renew]
    Counts what an echoed message costs the server, without timing anything: allocations, reads, writes and,
    where valgrind is, instructions. Fails where it is more than server/benches/cost/kept.txt allows.
        --renew             writes what was counted into that file

cargo xtask bench page [--messages N] [--rows N] [--rounds N] [--minutes N]
    Measures the page in Chromium: what it loads and how soon it is ready, a flood of messages beside a page of
    divs and one that shows a line, and a million rows scrolled and filtered.
        --messages N        how many messages the flood has; 600,000 by default
        --rows N            how many rows are scrolled and filtered; 1,000,000 by default
        --rounds N          how often the pages are loaded and compared; 5 by default
        --minutes N         how long memory is watched under a steady stream; 0 by default

cargo xtask screenshot
    Takes the README's picture of the page.

The environment:
    CHROME, CHROMEDRIVER    the browser and driver to use instead of those found
    CARGO_TARGET_DIR        where cargo puts what it builds, as always
";

/// One command with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Print [`HELP`].
    Help,
    /// Run the server with the page.
    Serve {
        /// The server's own flags.
        server: Vec<String>,
    },
    /// Build the page and the release server.
    Build,
    /// Run the suites.
    Test(TestOptions),
    /// Measure the client library.
    BenchClient(BenchOptions),
    /// Measure the server; what the program that measures is told.
    BenchServer(Vec<String>),
    /// Count what a message costs the server.
    CheckServer {
        /// Keep what is counted.
        renew: bool,
    },
    /// Measure the page; what the program that measures is told.
    BenchPage(Vec<String>),
    /// Take the README's picture.
    Screenshot,
}

/// The options of `cargo xtask bench client`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct BenchOptions {
    /// Measure only what the smallest apps cost to load.
    pub(crate) sizes: bool,
    /// What the program that measures is told.
    pub(crate) driver: Vec<String>,
}

/// The options of `cargo xtask test`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestOptions {
    /// The suites to run; all of them when empty.
    pub(crate) only: Vec<String>,
    /// List the suites, and run none.
    pub(crate) list: bool,
    /// Run the long forms.
    pub(crate) full: bool,
}

/// Reads the arguments after the program's name.
///
/// # Errors
///
/// One line that says what was not understood and what is allowed.
pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let args = args
        .map(|arg| arg.into_string().map_err(|arg| format!("argument {} is not UTF-8", arg.display())))
        .collect::<Result<Vec<_>, _>>()?;
    let Some((name, rest)) = args.split_first() else {
        return Ok(Command::Help);
    };
    let wants_help = rest.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--help" || arg == "-h");
    match name.as_str() {
        "help" | "--help" | "-h" => Ok(Command::Help),
        "serve" | "build" | "test" | "bench" | "screenshot" if wants_help => Ok(Command::Help),
        "serve" => parse_serve(rest),
        "build" => no_flags(name, rest).map(|()| Command::Build),
        "test" => parse_test(rest).map(Command::Test),
        "bench" => parse_bench(rest),
        "screenshot" => no_flags(name, rest).map(|()| Command::Screenshot),
        _ => Err(format!(
            "unknown command `{name}`: it is one of serve, build, test, bench, screenshot and help"
        )),
    }
}

fn parse_serve(args: &[String]) -> Result<Command, String> {
    let mut server = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--" => {
                server.extend(args.cloned());
                break;
            }
            "--open" => server.push(arg.clone()),
            "--listen" => {
                let address = args.next().ok_or("`--listen` needs an address, such as 127.0.0.1:8081")?;
                server.extend([arg.clone(), address.clone()]);
            }
            _ if arg.starts_with("--listen=") => server.push(arg.clone()),
            _ => {
                return Err(format!(
                    "unknown argument `{arg}` of `serve`: it takes --listen ADDR, --open, and the server's own \
                     flags after `--`"
                ));
            }
        }
    }
    Ok(Command::Serve { server })
}

fn parse_test(args: &[String]) -> Result<TestOptions, String> {
    let mut options = TestOptions::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--list" => options.list = true,
            "--full" => options.full = true,
            "--only" => {
                let names =
                    args.next().ok_or_else(|| format!("`--only` needs a suite: {}", suite_names()))?;
                options.only.extend(parse_suites(names)?);
            }
            _ => match arg.strip_prefix("--only=") {
                Some(names) => options.only.extend(parse_suites(names)?),
                None => {
                    return Err(format!(
                        "unknown argument `{arg}` of `test`: it takes --only SUITE[,SUITE], --list and --full"
                    ));
                }
            },
        }
    }
    Ok(options)
}

fn parse_bench(args: &[String]) -> Result<Command, String> {
    match args.split_first() {
        Some((what, rest)) if what == "client" => parse_bench_client(rest).map(Command::BenchClient),
        Some((what, rest)) if what == "server" => parse_bench_server(rest),
        Some((what, rest)) if what == "page" => parse_bench_page(rest).map(Command::BenchPage),
        other => {
            let what = other.map(|(what, _)| what.as_str()).unwrap_or_default();
            Err(format!("`bench` measures `client`, `server` or `page`, not `{what}`"))
        }
    }
}

fn parse_bench_page(args: &[String]) -> Result<Vec<String>, String> {
    for pair in args.chunks(2) {
        let (arg, value) = (&pair[0], pair.get(1));
        match arg.as_str() {
            "--messages" | "--rows" | "--rounds" | "--minutes" => {
                if value.is_none_or(|value| value.parse::<u64>().is_err()) {
                    return Err(format!("`{arg}` needs a number"));
                }
            }
            _ => {
                return Err(format!(
                    "unknown argument `{arg}` of `bench page`: it takes --messages N, --rows N, --rounds N and \
                     --minutes N"
                ));
            }
        }
    }
    Ok(args.to_vec())
}

fn parse_bench_client(args: &[String]) -> Result<BenchOptions, String> {
    let mut args = args.iter();
    let mut options = BenchOptions::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--sizes" => options.sizes = true,
            "--rounds" => {
                let rounds = args.next().filter(|rounds| rounds.parse().is_ok_and(|rounds: u32| rounds > 0));
                let rounds = rounds.ok_or("`--rounds` needs a number of at least 1")?;
                options.driver.extend([arg.clone(), rounds.clone()]);
            }
            "--against" => {
                let folder =
                    args.next().ok_or("`--against` needs a folder, a copy of target/bench/client")?;
                options.driver.extend([arg.clone(), folder.clone()]);
            }
            _ => {
                return Err(format!(
                    "unknown argument `{arg}` of `bench client`: it takes --rounds N, --against FOLDER and --sizes"
                ));
            }
        }
    }
    Ok(options)
}

fn parse_bench_server(args: &[String]) -> Result<Command, String> {
    match args {
        [check] if check == "--check" => return Ok(Command::CheckServer { renew: false }),
        [check, renew] if check == "--check" && renew == "--renew" => {
            return Ok(Command::CheckServer { renew: true });
        }
        [check, other, ..] if check == "--check" => {
            return Err(format!("unknown argument `{other}` of `bench server --check`: it takes --renew"));
        }
        _ => {}
    }
    for pair in args.chunks(2) {
        let (arg, value) = (&pair[0], pair.get(1));
        match arg.as_str() {
            "--rounds" if !value.is_some_and(|rounds| rounds.parse().is_ok_and(|rounds: u32| rounds > 0)) => {
                return Err("`--rounds` needs a number of at least 1".to_owned());
            }
            "--rounds" | "--seconds" | "--only" | "--against" if value.is_some() => {}
            "--seconds" | "--only" | "--against" => return Err(format!("`{arg}` needs a value")),
            _ => {
                return Err(format!(
                    "unknown argument `{arg}` of `bench server`: it takes --rounds N, --seconds S, --only \
                     NAME[;NAME] and --against PROGRAM, or --check by itself"
                ));
            }
        }
    }
    Ok(Command::BenchServer(args.to_vec()))
}

fn parse_suites(names: &str) -> Result<Vec<String>, String> {
    names
        .split(',')
        .map(|name| match suites::SUITES.iter().find(|suite| suite.name == name) {
            Some(suite) => Ok(suite.name.to_owned()),
            None => Err(format!("unknown suite `{name}`: it is one of {}", suite_names())),
        })
        .collect()
}

fn suite_names() -> String {
    suites::SUITES.map(|suite| suite.name).join(", ")
}

fn no_flags(command: &str, args: &[String]) -> Result<(), String> {
    match args.first() {
        None => Ok(()),
        Some(arg) => Err(format!("unknown argument `{arg}` of `{command}`: it takes none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Command, String> {
        parse(words.split_whitespace().map(OsString::from))
    }

    fn serve(words: &str) -> Vec<String> {
        match parse_words(words) {
            Ok(Command::Serve { server }) => server,
            other => panic!("{words}: {other:?}"),
        }
    }

    #[test]
    fn help_is_what_no_arguments_give() {
        for words in ["", "help", "--help", "-h", "test --help", "serve --open -h"] {
            assert_eq!(parse_words(words), Ok(Command::Help), "{words}");
        }
    }

    #[test]
    fn serve_takes_its_own_flags_and_passes_the_rest_on() {
        assert_eq!(serve("serve"), Vec::<String>::new());
        assert_eq!(serve("serve --open --listen [::1]:0"), ["--open", "--listen", "[::1]:0"]);
        assert_eq!(
            serve("serve --listen=[::1]:0 -- --max-message 1KiB"),
            ["--listen=[::1]:0", "--max-message", "1KiB"]
        );
        assert_eq!(serve("serve -- --help"), ["--help"]);
    }

    #[test]
    fn test_takes_a_choice_of_suites() {
        let only = |names: &[&str]| TestOptions {
            only: names.iter().map(ToString::to_string).collect(),
            ..TestOptions::default()
        };
        assert_eq!(parse_words("test --only native,size"), Ok(Command::Test(only(&["native", "size"]))));
        assert_eq!(
            parse_words("test --only=native --only size"),
            Ok(Command::Test(only(&["native", "size"])))
        );
        assert_eq!(
            parse_words("test --list --full"),
            Ok(Command::Test(TestOptions { list: true, full: true, only: Vec::new() }))
        );
    }

    #[test]
    fn bench_takes_what_to_measure() {
        let options = |words| match parse_words(words) {
            Ok(Command::BenchClient(options)) => options,
            other => panic!("{words}: {other:?}"),
        };
        assert_eq!(options("bench client"), BenchOptions::default());
        let told = options("bench client --rounds 5 --sizes --against /tmp/other");
        assert!(told.sizes);
        assert_eq!(told.driver, ["--rounds", "5", "--against", "/tmp/other"]);
        let told = ["--rounds", "5", "--only", "idle"].map(str::to_owned).to_vec();
        assert_eq!(parse_words("bench server"), Ok(Command::BenchServer(Vec::new())));
        assert_eq!(parse_words("bench server --rounds 5 --only idle"), Ok(Command::BenchServer(told)));
        for (words, renew) in [("bench server --check", false), ("bench server --check --renew", true)] {
            assert_eq!(parse_words(words), Ok(Command::CheckServer { renew }));
        }
    }

    #[test]
    fn what_is_not_known_is_one_line_with_what_is_allowed() {
        for (words, named, allowed) in [
            ("srve", "srve", "serve, build, test"),
            ("serve --port 1", "--port", "--listen ADDR"),
            ("serve --listen", "--listen", "127.0.0.1:8081"),
            ("build --release", "--release", "takes none"),
            ("test --only nativ", "nativ", "native, cost"),
            ("test --only", "--only", "native"),
            ("test native", "native", "--only SUITE"),
            ("bench", "bench", "`client`"),
            ("bench client --rounds 0", "--rounds", "at least 1"),
            ("bench server --rounds 0", "--rounds", "at least 1"),
            ("bench server --only", "--only", "value"),
            ("bench server --sizes", "--sizes", "--against PROGRAM"),
            ("bench page --rows many", "--rows", "number"),
            ("bench page --sizes", "--sizes", "--minutes N"),
            ("bench server --check --rounds 5", "--rounds", "--renew"),
        ] {
            let error = parse_words(words).expect_err(words);
            assert!(error.contains(named) && error.contains(allowed), "{words}: {error}");
            assert_eq!(error.lines().count(), 1, "{words}: {error}");
        }
    }
}
