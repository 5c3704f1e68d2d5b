//! Goal: what goes wrong on the way can be asked for, and is over after it.

use std::time::{Duration, Instant};

use billow::demo::cloudstack::Fault;

use super::cloud::Cloud;

#[tokio::test]
async fn faults_meet_the_next_requests_and_no_other() {
    let cloud = Cloud::start().await;
    for (fault, status) in [(Fault::Throttled, 429), (Fault::Unavailable, 503), (Fault::Html, 200)]
    {
        cloud.simulator.fail_next(fault, 2);
        for _ in 0..2 {
            let answer = cloud.call("cloud-admin", "listZones", &[]).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.text.starts_with('<'), fault == Fault::Html);
        }
        assert_eq!(cloud.call("cloud-admin", "listZones", &[]).await.rows().len(), 3);
    }
}

#[tokio::test]
async fn connections_end_early_on_request() {
    let cloud = Cloud::start().await;
    for fault in [Fault::Cut, Fault::Closed] {
        cloud.simulator.fail_next(fault, 1);
        let address = format!("{}?command=listZones", cloud.simulator.endpoint());
        let body = match cloud.client.get(&address).send().await {
            Ok(response) => response.bytes().await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(body.is_err(), "{fault:?}");
    }
    let time = Duration::from_millis(50);
    cloud.simulator.fail_next(Fault::Latency(time), 1);
    let begin = Instant::now();
    assert_eq!(cloud.call("cloud-admin", "listZones", &[]).await.status, 200);
    assert!(begin.elapsed() >= time);
    assert_eq!(cloud.simulator.calls().last().map(String::as_str), Some("listZones"));
}
