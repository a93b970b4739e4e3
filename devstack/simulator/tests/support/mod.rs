//! A REST client and a webhook receiver for the simulator's own tests.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use simulator::{Config, Params, PlatformNumber, Simulator};
use tokio::net::{TcpListener, TcpStream};

pub const OURS: &str = "+14052290000";
pub const CUSTOMER: &str = "+14055231234";

/// A simulator with one platform number and quick callbacks.
pub async fn start() -> Simulator {
    start_with(|_| {}).await
}

pub async fn start_with(change: impl FnOnce(&mut Config)) -> Simulator {
    let mut config = Config {
        platform_numbers: vec![PlatformNumber::new(OURS)],
        callback_delay: Duration::ZERO,
        seed: Some(1),
        ..Config::default()
    };
    change(&mut config);
    Simulator::start(config).await.unwrap()
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

pub async fn call(
    sim: &Simulator,
    method: &str,
    path: &str,
    auth: Option<&str>,
    kind: &str,
    body: String,
) -> Option<Reply> {
    let address = sim.base_url().trim_start_matches("http://").to_owned();
    let stream = TcpStream::connect(&address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address);
    if let Some(auth) = auth {
        request = request.header(
            header::AUTHORIZATION,
            format!("Basic {}", BASE64_STANDARD.encode(auth)),
        );
    }
    if !kind.is_empty() {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    let response = sender
        .send_request(request.body(Body::from(body)).unwrap())
        .await
        .ok()?;
    let (head, body) = response.into_parts();
    let bytes = to_bytes(Body::new(body), usize::MAX).await.ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let json = serde_json::from_str(&text).unwrap_or_default();
    Some(Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        text,
        json,
    })
}

fn auth(sim: &Simulator) -> String {
    format!("{}:{}", sim.config().project_id, sim.config().token)
}

fn path(sim: &Simulator, rest: &str) -> String {
    if rest.starts_with("/api/") || rest.starts_with("/_sim/") {
        return rest.to_owned();
    }
    format!("/api/laml/2010-04-01/Accounts/{}/{rest}", sim.config().project_id)
}

pub async fn get(sim: &Simulator, rest: &str) -> Reply {
    call(sim, "GET", &path(sim, rest), Some(&auth(sim)), "", String::new())
        .await
        .unwrap()
}

pub async fn delete(sim: &Simulator, rest: &str) -> Reply {
    call(
        sim,
        "DELETE",
        &path(sim, rest),
        Some(&auth(sim)),
        "",
        String::new(),
    )
    .await
    .unwrap()
}

pub async fn try_post(sim: &Simulator, rest: &str, form: &[(&str, &str)]) -> Option<Reply> {
    let body = form.iter().copied().collect::<Params>().encode();
    call(
        sim,
        "POST",
        &path(sim, rest),
        Some(&auth(sim)),
        "application/x-www-form-urlencoded",
        body,
    )
    .await
}

pub async fn post(sim: &Simulator, rest: &str, form: &[(&str, &str)]) -> Reply {
    try_post(sim, rest, form).await.unwrap()
}

pub async fn post_json(sim: &Simulator, rest: &str, json: Value) -> Reply {
    call(
        sim,
        "POST",
        &path(sim, rest),
        Some(&auth(sim)),
        "application/json",
        json.to_string(),
    )
    .await
    .unwrap()
}

/// The first number on sale with voice and SMS in an area code.
pub async fn find(sim: &Simulator, area_code: &str) -> String {
    let found = get(
        sim,
        &format!("AvailablePhoneNumbers/US/Local.json?AreaCode={area_code}"),
    )
    .await;
    let rows = found.json["available_phone_numbers"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|r| r["capabilities"]["voice"] == true && r["capabilities"]["SMS"] == true);
    row.unwrap()["phone_number"].as_str().unwrap().to_owned()
}

/// What a receiver saw.
#[derive(Debug, Clone)]
pub struct Hit {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Hit {
    pub fn form(&self) -> Params {
        Params::parse(&self.body)
    }

    pub fn field(&self, name: &str) -> String {
        self.form().get(name).unwrap_or_default().to_owned()
    }
}

type Answers = Arc<Mutex<Vec<(String, VecDeque<(u16, String, String)>)>>>;

/// A small application: records what arrives, answers what it was told per path, else an empty `<Response/>`.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    hits: Arc<Mutex<Vec<Hit>>>,
    answers: Answers,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self {
            url,
            hits: Arc::default(),
            answers: Arc::default(),
        };
        let app = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        receiver
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What `path` answers from now on.
    pub fn answer(&self, path: &str, status: u16, content_type: &str, body: &str) {
        self.answers.lock().unwrap().retain(|(known, _)| known != path);
        self.then(path, status, content_type, body);
    }

    /// What `path` answers after that; the last one stays.
    pub fn then(&self, path: &str, status: u16, content_type: &str, body: &str) {
        let answer = (status, content_type.to_owned(), body.to_owned());
        let mut answers = self.answers.lock().unwrap();
        match answers.iter_mut().find(|(known, _)| known == path) {
            Some((_, queue)) => queue.push_back(answer),
            None => answers.push((path.to_owned(), [answer].into())),
        }
    }

    pub fn cxml(&self, path: &str, verbs: &str) {
        self.answer(
            path,
            200,
            "text/xml",
            &format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{verbs}</Response>"),
        );
    }

    pub fn hits(&self, path: &str) -> Vec<Hit> {
        self.hits
            .lock()
            .unwrap()
            .iter()
            .filter(|hit| hit.path == path)
            .cloned()
            .collect()
    }
}

async fn receive(State(receiver): State<Receiver>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body: Bytes = to_bytes(body, usize::MAX).await.unwrap();
    let path = head.uri.path().to_owned();
    receiver.hits.lock().unwrap().push(Hit {
        path: path.clone(),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    if path == "/hang" {
        std::future::pending::<()>().await;
    }
    let mut answers = receiver.answers.lock().unwrap();
    let answer = answers
        .iter_mut()
        .find(|(known, _)| *known == path)
        .map(|(_, queue)| {
            if queue.len() > 1 {
                queue.pop_front().unwrap()
            } else {
                queue[0].clone()
            }
        });
    let (status, content_type, body) =
        answer.unwrap_or((200, "application/xml".to_owned(), "<Response/>".to_owned()));
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}
