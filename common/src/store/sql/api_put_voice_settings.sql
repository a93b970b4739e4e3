-- store::api::api_put_voice_settings
select api_put_voice_settings($1, $2, $3, $4, $5)
