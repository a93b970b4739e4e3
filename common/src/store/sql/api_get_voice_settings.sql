-- store::api::api_get_voice_settings
select api_get_voice_settings($1, $2, $3, $4, $5)
