-- store::api::api_replay_events
select api_replay_events($1, $2, $3, $4, $5)
