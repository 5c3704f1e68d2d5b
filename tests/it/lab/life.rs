//! A tenant's life through the APIs, and what the APIs themselves say of it afterwards.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cloud::{Lab, Session, text};

/// What a resource was between two instants, by the APIs' own timestamps, which are whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    pub resource: String,
    pub project: String,
    /// Of servers: `building`, `running`, `stopped`, `shelved`; of all else `present`.
    pub state: &'static str,
    /// The flavor's name, the size in GiB or bytes, or nothing.
    pub size: String,
    pub from: i64,
    pub until: i64,
}

/// Lets time pass, so that what was made has a length that the APIs' whole seconds show.
pub async fn live_on() {
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
}

/// Two projects of one user that nobody else uses.
pub struct Tenants {
    pub lab: Lab,
    /// Name and id of the user, and the first project's name.
    pub user: (String, String),
    project: String,
    pub one: Session,
    pub other: Session,
}

impl Tenants {
    /// Makes both, with a member of them.
    pub async fn settle(lab: &Lab) -> Self {
        let admin = lab.admin().await;
        let mark = uuid::Uuid::new_v4().simple().to_string();
        let user = format!("user-{mark}");
        let password = lab.fact("/admin/password");
        let person = json!({ "name": user, "password": password, "domain_id": "default" });
        let person = admin.post("identity /users", json!({ "user": person })).await;
        let roles = admin.get("identity /roles?name=member").await;
        let (person, role) = (text(&person, "/user/id"), text(&roles, "/roles/0/id"));
        let names = ["one", "other"].map(|name| format!("{name}-{mark}"));
        for name in &names {
            let project = json!({ "project": { "name": name, "domain_id": "default" } });
            let project = admin.post("identity /projects", project).await;
            let id = text(&project, "/project/id");
            let grant = format!("identity /projects/{id}/users/{person}/roles/{role}");
            admin.call("PUT", &grant, None).await;
        }
        let one = lab.sign_in(&user, &password, &names[0]).await;
        let other = lab.sign_in(&user, &password, &names[1]).await;
        let [project, _] = names;
        Self { lab: lab.clone(), user: (user, person), project, one, other }
    }

    /// The user, signed in to the first project once more.
    pub async fn again(&self) -> Session {
        let password = self.lab.fact("/admin/password");
        self.lab.sign_in(&self.user.0, &password, &self.project).await
    }
}

/// Seconds of a timestamp of the APIs, which have several forms, all UTC.
pub fn seconds(stamp: &str) -> i64 {
    let stamp = if stamp.ends_with('Z') { stamp.to_owned() } else { format!("{stamp}Z") };
    stamp.parse::<Timestamp>().unwrap_or_else(|error| panic!("{stamp}: {error}")).as_second()
}

fn instant(body: &Value, pointer: &str) -> i64 {
    seconds(&text(body, pointer))
}

/// A server of the first tenant.
pub struct Server<'a> {
    tenants: &'a Tenants,
    pub id: String,
}

impl<'a> Server<'a> {
    /// Creates one and waits until it runs.
    pub async fn create(tenants: &'a Tenants, flavor: &str) -> Self {
        let lab = &tenants.lab;
        let server = json!({ "server": {
            "name": "machine", "networks": "none", "imageRef": lab.fact("/image"),
            "flavorRef": lab.fact(&format!("/flavors/{flavor}")),
        } });
        let made = tenants.one.post("compute /servers", server).await;
        let server = Self { tenants, id: text(&made, "/server/id") };
        server.until("ACTIVE").await;
        server
    }

    async fn until(&self, status: &str) {
        let place = format!("compute /servers/{}", self.id);
        let wanted = |_, body: &Value| {
            let server = &body["server"];
            assert_ne!(server["status"], "ERROR", "the server broke: {body}");
            server["status"] == status && server["OS-EXT-STS:task_state"].is_null()
        };
        self.tenants.one.until(&place, wanted).await;
    }

    async fn act(&self, action: Value, status: &str) {
        let place = format!("compute /servers/{}/action", self.id);
        self.tenants.one.post(&place, action).await;
        self.until(status).await;
    }

    pub async fn stop(&self) {
        self.act(json!({ "os-stop": null }), "SHUTOFF").await;
    }

    pub async fn start(&self) {
        self.act(json!({ "os-start": null }), "ACTIVE").await;
    }

    pub async fn resize(&self, flavor: &str) {
        let flavor = self.tenants.lab.fact(&format!("/flavors/{flavor}"));
        self.act(json!({ "resize": { "flavorRef": flavor } }), "VERIFY_RESIZE").await;
        self.act(json!({ "confirmResize": null }), "ACTIVE").await;
    }

    pub async fn shelve(&self) {
        self.act(json!({ "shelve": null }), "SHELVED").await;
    }

    pub async fn unshelve(&self) {
        self.act(json!({ "unshelve": null }), "ACTIVE").await;
    }

    pub async fn delete(&self) {
        let place = format!("compute /servers/{}", self.id);
        self.tenants.one.delete(&place).await;
        self.tenants.one.until(&place, |status, _| status == 404).await;
    }

    /// The server as only an administrator sees it when it is deleted.
    pub async fn record(&self, admin: &Session) -> Value {
        let project = &self.tenants.one.project;
        let place =
            format!("compute /servers/detail?all_tenants=1&deleted=true&project_id={project}");
        let body = admin.get(&place).await;
        let servers = body["servers"].as_array().expect("servers");
        let own = servers.iter().find(|server| server["id"] == self.id.as_str());
        own.expect("the deleted server is listed").clone()
    }

    /// Its stretches, read from its actions: a step's end is when the new state held. `flavors`
    /// are those that it had in turn, one more at each resize.
    pub async fn stretches(&self, admin: &Session, flavors: &[&str]) -> Vec<Stretch> {
        let record = self.record(admin).await;
        let actions = format!("compute /servers/{}/os-instance-actions", self.id);
        let listed = admin.get(&actions).await;
        let mut rows = listed["instanceActions"].as_array().expect("actions").clone();
        rows.sort_by_key(|row| row["start_time"].as_str().map(str::to_owned));
        let mut flavor = flavors.iter();
        let mut size = (*flavor.next().expect("a first flavor")).to_owned();
        let mut changes = vec![(instant(&record, "/created"), "building", size.clone())];
        for row in &rows {
            let whole = admin.get(&format!("{actions}/{}", text(row, "/request_id"))).await;
            let steps = whole["instanceAction"]["events"].as_array().expect("steps").clone();
            let state = match text(row, "/action").as_str() {
                "create" | "start" | "unshelve" => "running",
                "stop" => "stopped",
                "shelve" => "shelved",
                "resize" => {
                    (*flavor.next().expect("a flavor for each resize")).clone_into(&mut size);
                    "running"
                }
                _ => continue,
            };
            let ends = steps.iter().map(|step| instant(step, "/finish_time"));
            changes.push((ends.max().expect("a step"), state, size.clone()));
        }
        changes.push((instant(&record, "/OS-SRV-USG:terminated_at"), "gone", String::new()));
        let project = self.tenants.one.project.clone();
        changes
            .windows(2)
            .map(|pair| Stretch {
                resource: self.id.clone(),
                project: project.clone(),
                state: pair[0].1,
                size: pair[0].2.clone(),
                from: pair[0].0,
                until: pair[1].0,
            })
            .collect()
    }
}

/// What a resource without states of its own was: when it was made, and each later change as the
/// instant and what is new.
pub struct Thing {
    pub id: String,
    stretches: Vec<Stretch>,
}

impl Thing {
    fn begin(id: String, project: &str, size: String, from: i64) -> Self {
        let (resource, project) = (id.clone(), project.to_owned());
        let first = Stretch { resource, project, state: "present", size, from, until: i64::MAX };
        Self { id, stretches: vec![first] }
    }

    fn change(&mut self, at: i64, change: impl FnOnce(&mut Stretch)) {
        let last = self.stretches.last_mut().expect("it begins with one");
        last.until = at;
        let mut next = Stretch { from: at, until: i64::MAX, ..last.clone() };
        change(&mut next);
        self.stretches.push(next);
    }

    /// Its stretches, the last one until it was deleted.
    pub fn ended(mut self, at: i64) -> Vec<Stretch> {
        self.stretches.last_mut().expect("it begins with one").until = at;
        self.stretches
    }
}

/// Now, by the clock that the lab's services share.
pub fn now() -> i64 {
    Timestamp::now().as_second()
}

impl Tenants {
    async fn volume_at_rest(&self, session: &Session, id: &str) -> Value {
        let place = format!("block-storage /{}/volumes/{id}", session.project);
        let body = session.until(&place, |_, body| body["volume"]["status"] == "available").await;
        body["volume"].clone()
    }

    /// A volume of the first tenant.
    pub async fn volume(&self, gib: i64) -> Thing {
        let place = format!("block-storage /{}/volumes", self.one.project);
        let volume = json!({ "volume": { "size": gib, "volume_type": "ssd", "name": "disk" } });
        let id = text(&self.one.post(&place, volume).await, "/volume/id");
        let volume = self.volume_at_rest(&self.one, &id).await;
        Thing::begin(id, &self.one.project, gib.to_string(), instant(&volume, "/created_at"))
    }

    /// Makes a volume larger; Cinder stamps the change on the volume.
    pub async fn extend(&self, volume: &mut Thing, gib: i64) {
        let place = format!("block-storage /{}/volumes/{}/action", self.one.project, volume.id);
        self.one.post(&place, json!({ "os-extend": { "new_size": gib } })).await;
        let after = self.volume_at_rest(&self.one, &volume.id).await;
        assert_eq!(after["size"], gib);
        volume.change(instant(&after, "/updated_at"), |stretch| stretch.size = gib.to_string());
    }

    /// Hands a volume over to the other tenant, who takes it.
    pub async fn transfer(&self, volume: &mut Thing) {
        let offer = json!({ "transfer": { "volume_id": volume.id, "name": "gift" } });
        let place = format!("block-storage /{}/volume-transfers", self.one.project);
        let offered = self.one.post(&place, offer).await;
        let (id, key) = (text(&offered, "/transfer/id"), text(&offered, "/transfer/auth_key"));
        let place = format!("block-storage /{}/volume-transfers/{id}/accept", self.other.project);
        self.other.post(&place, json!({ "accept": { "auth_key": key } })).await;
        let after = self.volume_at_rest(&self.other, &volume.id).await;
        let project = self.other.project.clone();
        volume.change(instant(&after, "/updated_at"), |stretch| stretch.project = project);
    }

    /// A snapshot of the first tenant's volume.
    pub async fn snapshot(&self, volume: &Thing) -> Thing {
        let place = format!("block-storage /{}/snapshots", self.one.project);
        let body = json!({ "snapshot": { "volume_id": volume.id, "name": "copy" } });
        let id = text(&self.one.post(&place, body).await, "/snapshot/id");
        let place = format!("{place}/{id}");
        let ready = |_, body: &Value| body["snapshot"]["status"] == "available";
        let body = self.one.until(&place, ready).await;
        let size = body["snapshot"]["size"].to_string();
        Thing::begin(id, &self.one.project, size, instant(&body, "/snapshot/created_at"))
    }

    /// A public address of the first tenant, bound to nothing.
    pub async fn address(&self) -> Thing {
        let network = self.lab.fact("/networks/public");
        let body = json!({ "floatingip": { "floating_network_id": network } });
        let made = self.one.post("network /v2.0/floatingips", body).await;
        let (id, from) = (text(&made, "/floatingip/id"), instant(&made, "/floatingip/created_at"));
        Thing::begin(id, &self.one.project, String::new(), from)
    }

    /// Deletes something of a tenant and waits until it is gone; the instant by our clock, since
    /// these services tell nothing of what they no longer have.
    pub async fn delete(&self, session: &Session, place: &str, thing: Thing) -> Vec<Stretch> {
        let place = format!("{place}/{}", thing.id);
        session.delete(&place).await;
        session.until(&place, |status, _| status == 404).await;
        thing.ended(now())
    }
}
