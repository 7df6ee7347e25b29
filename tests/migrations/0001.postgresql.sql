SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.refuse_to_change_posture_log() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'lines of the posture log are never changed' USING ERRCODE = 'integrity_constraint_violation'; END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.accounts (
    number bigint NOT NULL,
    public_id text NOT NULL,
    created_at bigint NOT NULL,
    checks_version bigint DEFAULT 0 NOT NULL
);
CREATE SEQUENCE public.accounts_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.accounts_number_seq OWNED BY public.accounts.number;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.certificates (
    number bigint NOT NULL,
    account bigint NOT NULL,
    public_id text NOT NULL,
    name text,
    certificates text NOT NULL,
    ca boolean NOT NULL,
    uploaded_at bigint NOT NULL
);
CREATE SEQUENCE public.certificates_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.certificates_number_seq OWNED BY public.certificates.number;
CREATE TABLE public.checks (
    number bigint NOT NULL,
    account bigint NOT NULL,
    public_id text NOT NULL,
    type text NOT NULL,
    name text NOT NULL,
    document bytea NOT NULL,
    options bytea NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    certificate_id text
);
CREATE SEQUENCE public.checks_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.checks_number_seq OWNED BY public.checks.number;
CREATE TABLE public.devices (
    number bigint NOT NULL,
    account bigint NOT NULL,
    public_id text NOT NULL,
    name text NOT NULL,
    serial_number text,
    hostname text,
    device_uuid text,
    details bytea NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE SEQUENCE public.devices_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.devices_number_seq OWNED BY public.devices.number;
CREATE TABLE public.posture_log (
    number bigint NOT NULL,
    account bigint NOT NULL,
    registration_id text NOT NULL,
    device_id text NOT NULL,
    device_name text NOT NULL,
    device_details bytea NOT NULL,
    serial_number text,
    hostname text,
    device_uuid text,
    user_email text,
    check_id text NOT NULL,
    check_name text NOT NULL,
    check_type text NOT NULL,
    status text NOT NULL,
    reasons text NOT NULL,
    evidence text,
    check_version bigint NOT NULL,
    certificate bytea,
    measured_at bigint NOT NULL,
    judged_at bigint NOT NULL,
    ends_at bigint,
    expected text NOT NULL,
    received text NOT NULL,
    nonce bytea NOT NULL,
    signature bytea,
    reports bigint NOT NULL
);
CREATE SEQUENCE public.posture_log_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.posture_log_number_seq OWNED BY public.posture_log.number;
CREATE TABLE public.proved_keys (
    account bigint NOT NULL,
    key_digest bytea NOT NULL,
    registration_number bigint NOT NULL,
    ends_at bigint NOT NULL,
    owner boolean NOT NULL
);
CREATE TABLE public.registrations (
    number bigint NOT NULL,
    account bigint NOT NULL,
    public_id text NOT NULL,
    device_number bigint NOT NULL,
    public_key bytea NOT NULL,
    thumbprint bytea NOT NULL,
    user_email text,
    created_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    last_sequence bigint NOT NULL,
    last_digest bytea NOT NULL,
    revoked_at bigint
);
CREATE SEQUENCE public.registrations_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.registrations_number_seq OWNED BY public.registrations.number;
CREATE TABLE public.results (
    account bigint NOT NULL,
    registration_number bigint NOT NULL,
    check_number bigint NOT NULL,
    status text NOT NULL,
    reasons text NOT NULL,
    evidence text,
    check_version bigint NOT NULL,
    certificate bytea,
    measured_at bigint NOT NULL,
    judged_at bigint NOT NULL,
    ends_at bigint,
    expected text NOT NULL,
    received text NOT NULL,
    logged_at bigint NOT NULL,
    repeats bigint NOT NULL,
    key_digest bytea
);
CREATE TABLE public.secrets (
    account bigint NOT NULL,
    name text NOT NULL,
    wrapped bytea NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.tokens (
    number bigint NOT NULL,
    account bigint NOT NULL,
    public_id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    scopes text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    uses_left bigint,
    user_email text,
    revoked_at bigint
);
CREATE SEQUENCE public.tokens_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.tokens_number_seq OWNED BY public.tokens.number;
ALTER TABLE ONLY public.accounts ALTER COLUMN number SET DEFAULT nextval('public.accounts_number_seq'::regclass);
ALTER TABLE ONLY public.certificates ALTER COLUMN number SET DEFAULT nextval('public.certificates_number_seq'::regclass);
ALTER TABLE ONLY public.checks ALTER COLUMN number SET DEFAULT nextval('public.checks_number_seq'::regclass);
ALTER TABLE ONLY public.devices ALTER COLUMN number SET DEFAULT nextval('public.devices_number_seq'::regclass);
ALTER TABLE ONLY public.posture_log ALTER COLUMN number SET DEFAULT nextval('public.posture_log_number_seq'::regclass);
ALTER TABLE ONLY public.registrations ALTER COLUMN number SET DEFAULT nextval('public.registrations_number_seq'::regclass);
ALTER TABLE ONLY public.tokens ALTER COLUMN number SET DEFAULT nextval('public.tokens_number_seq'::regclass);
INSERT INTO public.accounts VALUES (1, '9bdc13bcd21e190ba23097867a78b422', 1795000000000, 5);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.certificates VALUES (1, 1, '00000000-0000-4000-8000-0000000000c9', 'CA 1', '-----BEGIN CERTIFICATE-----
AA==
', true, 1795000000003);
INSERT INTO public.checks VALUES (1, 1, '00000000-0000-4000-8000-00000000012d', 'client_certificate_v2', 'Check 1', '\x7b226e616d65223a22436865636b2031222c2274797065223a22636c69656e745f63657274696669636174655f7632222c22696e707574223a7b2263657274696669636174655f6964223a22616e79222c22636865636b5f707269766174655f6b6579223a66616c73652c226f7065726174696e675f73797374656d223a226c696e7578227d7d', '\x7b22736861726564223a202264656e79227d', 4, 1795000000004, 1795000000005, '00000000-0000-4000-8000-0000000000c9');
INSERT INTO public.checks VALUES (2, 1, '00000000-0000-4000-8000-00000000012e', 'client_certificate_v2', 'Check 2', '\x7b226e616d65223a22436865636b2032222c2274797065223a22636c69656e745f63657274696669636174655f7632222c22696e707574223a7b2263657274696669636174655f6964223a22616e79222c22636865636b5f707269766174655f6b6579223a66616c73652c226f7065726174696e675f73797374656d223a226c696e7578227d7d', '\x7b22736861726564223a202264656e79227d', 4, 1795000000004, 1795000000005, '00000000-0000-4000-8000-0000000000c9');
INSERT INTO public.devices VALUES (1, 1, '00000000-0000-4000-8000-000000000191', 'laptop-1', 'SN1', 'host-1', '00000000-0000-4000-8000-0000000001c3', '\x7b226465766963655f74797065223a20226c696e7578227d', 1795000000006, 1795000000007);
INSERT INTO public.posture_log VALUES (1, 1, '00000000-0000-4000-8000-0000000001f5', '00000000-0000-4000-8000-000000000191', 'laptop-1', '\x7b226465766963655f74797065223a20226c696e7578227d', 'SN1', 'host-1', '00000000-0000-4000-8000-0000000001c3', 'user@example.com', '00000000-0000-4000-8000-00000000012d', 'Check 1', 'client_certificate_v2', 'fail', 'certificate-expired,common-name-mismatch', 'possession', 11, '\x0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c', 1795000000012, 1795000000013, 1795000000014, '{"cn": "asked"}', '{"cn": "had"}', '\x11111111111111111111111111111111111111111111111111111111111111111111111111111111', '\x12121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212', 17);
INSERT INTO public.posture_log VALUES (2, 1, '00000000-0000-4000-8000-0000000001f5', '00000000-0000-4000-8000-000000000191', 'laptop-1', '\x7b226465766963655f74797065223a20226c696e7578227d', 'SN1', 'host-1', '00000000-0000-4000-8000-0000000001c3', 'user@example.com', '00000000-0000-4000-8000-00000000012e', 'Check 2', 'client_certificate_v2', 'fail', 'certificate-expired,common-name-mismatch', 'possession', 11, '\x0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c', 1795000000012, 1795000000013, 1795000000014, '{"cn": "asked"}', '{"cn": "had"}', '\x11111111111111111111111111111111111111111111111111111111111111111111111111111111', '\x12121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212', 17);
INSERT INTO public.posture_log VALUES (3, 1, '00000000-0000-4000-8000-0000000001f5', '00000000-0000-4000-8000-000000000191', 'laptop-1', '\x7b226465766963655f74797065223a20226c696e7578227d', 'SN1', 'host-1', '00000000-0000-4000-8000-0000000001c3', 'user@example.com', '00000000-0000-4000-8000-00000000012f', 'Check 3', 'client_certificate_v2', 'fail', 'certificate-expired,common-name-mismatch', 'possession', 11, '\x0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c', 1795000000012, 1795000000013, 1795000000014, '{"cn": "asked"}', '{"cn": "had"}', '\x11111111111111111111111111111111111111111111111111111111111111111111111111111111', '\x12121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212121212', 17);
INSERT INTO public.proved_keys VALUES (1, '\x1313131313131313131313131313131313131313131313131313131313131313', 1, 1795000000020, false);
INSERT INTO public.registrations VALUES (1, 1, '00000000-0000-4000-8000-0000000001f5', 1, '\x0401010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101', '\x0000000000000000000000000000000000000000000000000000000000000001', 'user@example.com', 1795000000008, 1795000000009, 10, '\x0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b', NULL);
INSERT INTO public.results VALUES (1, 1, 1, 'fail', 'certificate-expired,common-name-mismatch', 'possession', 11, '\x0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c', 1795000000012, 1795000000013, 1795000000014, '{"cn": "expected"}', '{"cn": "received"}', 1795000000015, 16, NULL);
INSERT INTO public.results VALUES (1, 1, 2, 'fail', 'certificate-expired,common-name-mismatch', 'possession', 11, '\x0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c', 1795000000012, 1795000000013, 1795000000014, '{"cn": "expected"}', '{"cn": "received"}', 1795000000015, 16, NULL);
INSERT INTO public.secrets VALUES (1, 'nonce-secret', '\x01fd9d7c8a37a24e92200c0da3bc1b7ccf0cde91d598391dd5eb79d12eb5f2213333880678acc0038e8bf54af5205bb94601799a16a9d203df5fc49c87', 1795000000000);
INSERT INTO public.secrets VALUES (1, 'checks-key', '\x01919de311bac933506f795966d7e229d60acf2b952e9888f6b7d7212f6b36ba1e5969e123428622ef7ebdf5011ee8dfdbc1b360db959c2a55c85b94c6799a3ec5227fa670a38481740855bf4daec81de4098aa1a1537f4a647d368e32ffb5a80c0a175ae6cb9fb2bd5d3726048a69e54abc3b6feb3f6ba1fac1eaa3584b6e616972d6df6897168a1372c886d2d8905f40dd058e908daefadd0bae1ba3045a0e495cc8620d7c63', 1795000000000);
INSERT INTO public.tokens VALUES (1, 1, '1ecd3155-9d7a-41f4-8df8-02e279c614ea', 'administrator', 'first administrator', '\xda567839aded0f21da80975a2abd51ee135403bee296cdf61b3ac217f4ff17a3', '[]', 1795000000000, NULL, NULL, 'owner@example.com', NULL);
INSERT INTO public.tokens VALUES (2, 1, '00000000-0000-4000-8000-000000000065', 'enrollment', 'token 1', '\x0101010101010101010101010101010101010101010101010101010101010101', '["devices:write","with space"]', 1795000000001, 1795000000002, 3, 'user@example.com', NULL);
SELECT pg_catalog.setval('public.accounts_number_seq', 1, true);
SELECT pg_catalog.setval('public.certificates_number_seq', 1, true);
SELECT pg_catalog.setval('public.checks_number_seq', 3, true);
SELECT pg_catalog.setval('public.devices_number_seq', 1, true);
SELECT pg_catalog.setval('public.posture_log_number_seq', 3, true);
SELECT pg_catalog.setval('public.registrations_number_seq', 1, true);
SELECT pg_catalog.setval('public.tokens_number_seq', 2, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT pk_accounts PRIMARY KEY (number);
ALTER TABLE ONLY public.certificates
    ADD CONSTRAINT pk_certificates PRIMARY KEY (number);
ALTER TABLE ONLY public.checks
    ADD CONSTRAINT pk_checks PRIMARY KEY (number);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT pk_devices PRIMARY KEY (number);
ALTER TABLE ONLY public.posture_log
    ADD CONSTRAINT pk_posture_log PRIMARY KEY (number);
ALTER TABLE ONLY public.proved_keys
    ADD CONSTRAINT pk_proved_keys PRIMARY KEY (account, key_digest, registration_number);
ALTER TABLE ONLY public.registrations
    ADD CONSTRAINT pk_registrations PRIMARY KEY (number);
ALTER TABLE ONLY public.results
    ADD CONSTRAINT pk_results PRIMARY KEY (account, registration_number, check_number);
ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT pk_secrets PRIMARY KEY (account, name);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT pk_tokens PRIMARY KEY (number);
ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT uq_accounts_public_id UNIQUE (public_id);
ALTER TABLE ONLY public.certificates
    ADD CONSTRAINT uq_certificates_account_number UNIQUE (account, number);
ALTER TABLE ONLY public.certificates
    ADD CONSTRAINT uq_certificates_account_public_id UNIQUE (account, public_id);
ALTER TABLE ONLY public.checks
    ADD CONSTRAINT uq_checks_account_number UNIQUE (account, number);
ALTER TABLE ONLY public.checks
    ADD CONSTRAINT uq_checks_account_public_id UNIQUE (account, public_id);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT uq_devices_account_number UNIQUE (account, number);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT uq_devices_account_public_id UNIQUE (account, public_id);
ALTER TABLE ONLY public.posture_log
    ADD CONSTRAINT uq_posture_log_account_number UNIQUE (account, number);
ALTER TABLE ONLY public.registrations
    ADD CONSTRAINT uq_registrations_account_number UNIQUE (account, number);
ALTER TABLE ONLY public.registrations
    ADD CONSTRAINT uq_registrations_account_public_id UNIQUE (account, public_id);
ALTER TABLE ONLY public.registrations
    ADD CONSTRAINT uq_registrations_thumbprint UNIQUE (thumbprint);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT uq_tokens_account_public_id UNIQUE (account, public_id);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT uq_tokens_digest UNIQUE (digest);
CREATE INDEX ix_checks_account_certificate_id ON public.checks USING btree (account, certificate_id);
CREATE INDEX ix_proved_keys_account_registration_number ON public.proved_keys USING btree (account, registration_number);
CREATE INDEX ix_registrations_account_device_number ON public.registrations USING btree (account, device_number);
CREATE INDEX ix_results_account_check_number ON public.results USING btree (account, check_number);
CREATE INDEX ix_tokens_account_kind_number ON public.tokens USING btree (account, kind, number);
CREATE TRIGGER posture_log_guards_rows BEFORE DELETE OR UPDATE ON public.posture_log FOR EACH ROW EXECUTE FUNCTION public.refuse_to_change_posture_log();
CREATE TRIGGER posture_log_guards_table BEFORE TRUNCATE ON public.posture_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_to_change_posture_log();
ALTER TABLE ONLY public.certificates
    ADD CONSTRAINT fk_certificates_accounts FOREIGN KEY (account) REFERENCES public.accounts(number);
ALTER TABLE ONLY public.checks
    ADD CONSTRAINT fk_checks_accounts FOREIGN KEY (account) REFERENCES public.accounts(number);
ALTER TABLE ONLY public.checks
    ADD CONSTRAINT fk_checks_certificates FOREIGN KEY (account, certificate_id) REFERENCES public.certificates(account, public_id);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT fk_devices_accounts FOREIGN KEY (account) REFERENCES public.accounts(number);
ALTER TABLE ONLY public.posture_log
    ADD CONSTRAINT fk_posture_log_accounts FOREIGN KEY (account) REFERENCES public.accounts(number);
ALTER TABLE ONLY public.proved_keys
    ADD CONSTRAINT fk_proved_keys_registrations FOREIGN KEY (account, registration_number) REFERENCES public.registrations(account, number);
ALTER TABLE ONLY public.registrations
    ADD CONSTRAINT fk_registrations_accounts FOREIGN KEY (account) REFERENCES public.accounts(number);
ALTER TABLE ONLY public.registrations
    ADD CONSTRAINT fk_registrations_devices FOREIGN KEY (account, device_number) REFERENCES public.devices(account, number);
ALTER TABLE ONLY public.results
    ADD CONSTRAINT fk_results_checks FOREIGN KEY (account, check_number) REFERENCES public.checks(account, number) ON DELETE CASCADE;
ALTER TABLE ONLY public.results
    ADD CONSTRAINT fk_results_registrations FOREIGN KEY (account, registration_number) REFERENCES public.registrations(account, number);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT fk_tokens_accounts FOREIGN KEY (account) REFERENCES public.accounts(number);
