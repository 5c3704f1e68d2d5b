//! The network service: floating IPs, routers, networks, interfaces.

use serde_json::{Value, json};

use super::api::{Call, Outcome, Refusal, answer};
use super::dates;
use super::machine::Server;
use super::tokens::Held;
use super::world::{Address, Life, Network, Router, World};

/// Answers a call below `/network`.
pub fn answer_call(call: &Call<'_>) -> Outcome {
    match (call.request.method.as_str(), call.path.as_slice()) {
        ("GET", ["v2.0", "floatingips"]) => list(call, "floatingips", floating_ips),
        ("GET", ["v2.0", "routers"]) => list(call, "routers", routers),
        ("GET", ["v2.0", "networks"]) => list(call, "networks", networks),
        ("GET", ["v2.0", "ports"]) => list(call, "ports", ports),
        ("GET", ["v2.0", "agents"]) => agents(call),
        _ => Err(Refusal::no_path()),
    }
}

/// A list of what the caller may see: everything for administrators, the own project's things for
/// all others. Without a limit it is whole.
fn list(call: &Call<'_>, key: &str, rows: fn(&Look<'_>) -> Vec<Value>) -> Outcome {
    let caller = call.caller()?;
    let mut rows = call.with(|world| rows(&Look { call, world, caller: &caller }));
    rows.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
    let mut page = call.page(rows, "id")?;
    page.next = page.next.filter(|_| call.parameter("limit").is_some());
    Ok(page.linked(key))
}

fn agents(call: &Call<'_>) -> Outcome {
    let caller = call.caller()?;
    let may = call.with(|world| caller.is_admin(world));
    let agent = json!({
        "id": "4f1c4b86-0d1b-4f0e-9b52-3c1f2a1d7b6c", "agent_type": "L3 agent",
        "binary": "neutron-l3-agent", "host": "node1", "alive": true, "admin_state_up": true,
        "topic": "l3_agent", "availability_zone": "nova",
    });
    let agents = if may { vec![agent] } else { Vec::new() };
    Ok(answer(200, &json!({ "agents": agents })))
}

struct Look<'a> {
    call: &'a Call<'a>,
    world: &'a World,
    caller: &'a Held,
}

impl Look<'_> {
    fn sees(&self, project: usize, life: Life) -> bool {
        let own = self.caller.project() == Some(project) || self.caller.is_admin(self.world);
        own && life.holds(self.call.now)
    }

    fn project(&self, project: usize) -> &str {
        &self.world.projects[project].id
    }

    /// Project and instants, as every row of this service has them.
    fn add_common(&self, row: &mut Value, project: &str, life: Life) {
        let made = dates::zulu(life.from);
        row["project_id"] = json!(project);
        row["tenant_id"] = json!(project);
        row["created_at"] = json!(made);
        row["updated_at"] = json!(made);
        row["revision_number"] = json!(1);
        row["description"] = json!("");
        row["tags"] = json!([]);
    }

    /// Whether a machine exists now, and so its interface.
    fn stands(&self, server: &Server) -> bool {
        server.at(self.call.now).is_some_and(|seen| !seen.is_deleted())
    }
}

fn floating_ips(look: &Look<'_>) -> Vec<Value> {
    let held = look.world.addresses.iter();
    let held = held.filter(|address| look.sees(address.project, address.life));
    held.map(|address| floating_ip(look, address)).collect()
}

fn floating_ip(look: &Look<'_>, address: &Address) -> Value {
    let world = look.world;
    let holder = address.server.map(|server| &world.servers[server]);
    let holder = holder.filter(|server| look.stands(server));
    let router = world.routers.iter().find(|router| router.project == address.project);
    let network = world.network_of(address.project).map(|network| &world.networks[network].id);
    let details = holder.map(|server| {
        json!({
            "name": "", "network_id": network, "mac_address": mac(&server.port.0),
            "admin_state_up": true, "status": "ACTIVE", "device_id": server.id,
            "device_owner": "compute:nova",
        })
    });
    let mut row = json!({
        "id": address.id, "floating_ip_address": address.address,
        "floating_network_id": world.external().map(|network| &network.id),
        "router_id": holder.and(router).map(|router| &router.id),
        "port_id": holder.map(|server| &server.port.0),
        "fixed_ip_address": holder.map(|server| format!("10.0.0.{}", server.port.1)),
        "status": if holder.is_some() { "ACTIVE" } else { "DOWN" },
        "port_details": details,
    });
    look.add_common(&mut row, look.project(address.project), address.life);
    row
}

fn routers(look: &Look<'_>) -> Vec<Value> {
    let held = look.world.routers.iter();
    let held = held.filter(|router| look.sees(router.project, router.life));
    held.map(|router| router_row(look, router)).collect()
}

fn router_row(look: &Look<'_>, router: &Router) -> Value {
    let external = look.world.external();
    let mut row = json!({
        "id": router.id, "name": router.name, "admin_state_up": true, "status": "ACTIVE",
        "external_gateway_info": {
            "network_id": external.map(|network| &network.id),
            "external_fixed_ips": [{
                "subnet_id": external.map(|network| &network.subnet),
                "ip_address": router.address,
            }],
            "enable_snat": true,
        },
        "availability_zones": [], "distributed": false, "ha": false,
        "availability_zone_hints": [], "routes": [], "flavor_id": null,
    });
    look.add_common(&mut row, look.project(router.project), router.life);
    row
}

fn networks(look: &Look<'_>) -> Vec<Value> {
    let wanted =
        look.call.parameter("router:external").map(|text| text.eq_ignore_ascii_case("true"));
    let held = look.world.networks.iter().filter(|network| {
        // The external network is shown to all who may route to it.
        let seen = look.sees(network.project, network.life) || network.external;
        seen && wanted.is_none_or(|external| external == network.external)
    });
    held.map(|network| network_row(look, network)).collect()
}

fn network_row(look: &Look<'_>, network: &Network) -> Value {
    let mut row = json!({
        "id": network.id, "name": network.name, "admin_state_up": true,
        "mtu": if network.external { 1500 } else { 1450 }, "status": "ACTIVE",
        "subnets": [network.subnet], "shared": false, "availability_zone_hints": [],
        "availability_zones": [], "ipv4_address_scope": null, "ipv6_address_scope": null,
        "router:external": network.external,
        "provider:network_type": if network.external { "flat" } else { "vxlan" },
        "provider:physical_network": network.external.then_some("public"),
        "provider:segmentation_id": (!network.external).then_some(100 + network.project),
    });
    if network.external {
        row["is_default"] = json!(true);
    }
    look.add_common(&mut row, look.project(network.project), network.life);
    row
}

fn mac(id: &str) -> String {
    format!("fa:16:3e:{}:{}:{}", &id[..2], &id[2..4], &id[4..6])
}

/// An interface, as all kinds of them are shown.
struct Port<'a> {
    id: &'a str,
    network: &'a Network,
    /// Empty for those of the service itself.
    project: &'a str,
    address: String,
    device: &'a str,
    owner: &'a str,
    life: Life,
}

fn ports(look: &Look<'_>) -> Vec<Value> {
    let world = look.world;
    let mut found: Vec<Port<'_>> = Vec::new();
    for router in world.routers.iter().filter(|router| look.sees(router.project, router.life)) {
        let own = &world.networks[router.network];
        let port = |id, network, project, address, owner| Port {
            id,
            network,
            project,
            address,
            device: &router.id,
            owner,
            life: router.life,
        };
        let project = look.project(router.project);
        let [outer, inner] = &router.ports;
        if let Some(external) = world.external().filter(|_| look.caller.is_admin(world)) {
            let address = router.address.clone();
            found.push(port(outer, external, "", address, "network:router_gateway"));
        }
        let inner_address = "10.0.0.1".to_owned();
        found.push(port(inner, own, project, inner_address, "network:router_interface"));
    }
    for server in world.servers.iter().filter(|server| look.stands(server)) {
        let life = Life::since(server.created());
        let network = world.network_of(server.project).filter(|_| look.sees(server.project, life));
        let Some(network) = network else { continue };
        let (id, last) = &server.port;
        found.push(Port {
            id,
            network: &world.networks[network],
            project: look.project(server.project),
            address: format!("10.0.0.{last}"),
            device: &server.id,
            owner: "compute:nova",
            life,
        });
    }
    let wanted = look.call.parameter("network_id");
    let found = found.iter().filter(|port| wanted.is_none_or(|id| id == port.network.id));
    found.map(|port| port_row(look, port)).collect()
}

fn port_row(look: &Look<'_>, port: &Port<'_>) -> Value {
    let mut row = json!({
        "id": port.id, "name": "", "network_id": port.network.id, "mac_address": mac(port.id),
        "admin_state_up": true, "status": "ACTIVE", "device_id": port.device,
        "device_owner": port.owner,
        "fixed_ips": [{ "subnet_id": port.network.subnet, "ip_address": port.address }],
        "allowed_address_pairs": [], "extra_dhcp_opts": [], "security_groups": [],
        "binding:vnic_type": "normal", "binding:profile": {}, "binding:host_id": "",
        "binding:vif_type": "unbound", "binding:vif_details": {},
    });
    look.add_common(&mut row, port.project, port.life);
    row
}
