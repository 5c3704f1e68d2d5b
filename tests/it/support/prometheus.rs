//! A real Prometheus on a port of its own, with samples of the past.

use std::fmt::Write as _;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::db::folder;

/// A series: its name with labels as Prometheus writes them, and its samples (unix seconds, value).
pub type Series<'a> = (&'a str, &'a [(f64, &'a str)]);

/// A server; ends when it is dropped.
pub struct Prometheus {
    pub address: String,
    _process: Child,
}

impl Prometheus {
    /// Starts one that has kept these series.
    pub async fn with(series: &[Series<'_>]) -> Self {
        Self::at("127.0.0.1:0", series).await
    }

    /// Starts one that has kept these series, at an address.
    pub async fn at(place: &str, series: &[Series<'_>]) -> Self {
        let folder = folder("prometheus");
        let mut text = String::new();
        for (name, samples) in series {
            for (at, value) in *samples {
                writeln!(text, "{name} {value} {at}").expect("a text");
            }
        }
        text.push_str("# EOF\n");
        let given = folder.join("samples.om");
        std::fs::write(&given, text).expect("write the samples");
        let data = folder.join("data");
        let mut load = Command::new("promtool");
        load.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(&given).arg(&data);
        let loaded = load.output().await.expect("promtool must be installed: tests/run does it");
        let said = String::from_utf8_lossy(&loaded.stderr);
        assert!(loaded.status.success(), "{said}");
        let settings = folder.join("prometheus.yml");
        std::fs::write(&settings, "{}\n").expect("write the settings");
        let mut server = Command::new("prometheus");
        server
            .arg(format!("--config.file={}", settings.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--storage.tsdb.retention.time=50y")
            .arg(format!("--web.listen-address={place}"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = server.spawn().expect("prometheus must be installed: tests/run does it");
        let said = process.stderr.take().expect("what it says");
        let mut lines = BufReader::new(said).lines();
        let mut address = None;
        let mut told = Vec::new();
        while let Some(line) = lines.next_line().await.expect("a line") {
            if let Some((_, at)) = line.split_once("\"Listening on\" address=") {
                address = Some(format!("http://{}", at.trim()));
            }
            if line.contains("ready to receive web requests") {
                let address = address.expect("an address before it is ready");
                // What else it says must go on being read, or it stands still.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Self { address, _process: process };
            }
            told.push(line);
        }
        panic!("Prometheus ended: {}", told.join("\n"));
    }
}
