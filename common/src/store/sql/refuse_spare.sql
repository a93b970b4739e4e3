-- store::provisioning::refuse_spare
select refuse_spare($1, $2, $3)
