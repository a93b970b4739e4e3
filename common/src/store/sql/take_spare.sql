-- store::provisioning::take_spare
select phone_number, phone_number_sid from take_spare($1, $2, $3)
