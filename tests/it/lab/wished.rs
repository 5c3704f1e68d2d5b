//! Goal: a CloudStack that tells its usage events on a bus is looked at as soon as one comes.
//! Method: the lab's broker with an exchange as the event bus makes it, and the daemon with looks
//! an hour apart beside the recorded lists.

use std::time::Duration;

use billow::collect::observation::ResourceState;
use lapin::options::{
    BasicPublishOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties, ExchangeKind};
use serde_json::json;

use super::cloud::Lab;
use crate::cloudstack::events::Daemon;
use crate::support::db::folder;

const EXCHANGE: &str = "cloudstack-events";
const KEY: &str = "management-server.UsageEvent.VM-STOP.com-cloud-vm-VirtualMachine.d112ac74";

#[tokio::test]
async fn an_event_of_the_bus_is_looked_after() {
    let lab = Lab::open();
    let _beside = lab.shared().await;
    let address = lab.fact("/amqp");
    // The management server may make its exchange.
    let server = address.replace("billow:", "lab:");
    let connection = Connection::connect(&server, ConnectionProperties::default());
    let connection = connection.await.expect("the broker");
    let channel = connection.create_channel().await.expect("a channel");
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let kind = ExchangeKind::Topic;
    let declared = channel.exchange_declare(EXCHANGE.into(), kind, durable, FieldTable::default());
    declared.await.expect("an exchange");
    let folder = folder("bus");
    let file = folder.join("bus");
    std::fs::write(&file, &address).expect("write the address");
    let heard = format!("[source.events]\naddress_file = \"{}\"\n", file.display());
    let daemon = Daemon::hearing(&folder, &heard).await;
    daemon.knows(ResourceState::Running).await;
    *daemon.state.lock().expect("no panic") = "Stopped";
    let event = json!({
        "account": "a", "zone": "z", "event": "VM.STOP", "resource": "com.cloud.vm.VirtualMachine",
        "id": "d112ac74-b9a7-4f64-b84d-5623123d9027", "eventDateTime": "2026-11-22 16:17:34 +0000",
    });
    let body = event.to_string().into_bytes();
    // Until the daemon's queue is there, nobody hears it.
    let telling = async {
        let mut often = tokio::time::interval(Duration::from_millis(200));
        loop {
            often.tick().await;
            let (options, properties) =
                (BasicPublishOptions::default(), BasicProperties::default());
            let sent =
                channel.basic_publish(EXCHANGE.into(), KEY.into(), options, &body, properties);
            sent.await.expect("it is sent");
        }
    };
    tokio::select! {
        () = daemon.knows(ResourceState::Stopped) => {}
        () = telling => {}
    }
    daemon.end().await;
    let gone = channel.queue_delete("billow.cs1".into(), QueueDeleteOptions::default()).await;
    assert!(gone.is_ok(), "the daemon has a queue of its own: {gone:?}");
    let removed = channel.exchange_delete(EXCHANGE.into(), ExchangeDeleteOptions::default());
    removed.await.expect("the exchange is removed");
}
