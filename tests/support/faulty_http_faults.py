# SPDX-License-Identifier: Apache-2.0
"""The faults of faulty_http.py, and the cases that each of them fails."""

# "none-was-run": the runner refuses the server, because it does not answer even a plain request.

FAULTS = {
    "waits-on-where-the-peer-ended-in-a-line": "chunk-cut-before-last half-close-in-head",
    "collects-a-line-without-bound":
        "limit-target-endless limit-field-endless limit-field-name-endless "
        "limit-white-space-endless limit-chunk-extension-endless "
        "limit-chunk-extension-is-refused limit-chunk-size-endless limit-trailer-field-endless "
        "method-endless",
    "takes-cr-alone-for-the-end-of-a-line":
        "chunk-size-cr-alone field-cr-in-value cr-alone-ends-request-line",
    "says-500-where-a-line-is-too-long":
        "limit-target-70000 limit-target-is-414 limit-target-endless limit-field-100000 "
        "limit-field-endless limit-field-name-endless limit-white-space-endless "
        "limit-chunk-extension-is-refused limit-chunk-extension-endless limit-chunk-size-endless "
        "limit-chunk-size-zeros limit-trailer-field-endless head-target-too-long method-endless",
    "accepts-lf-alone-as-the-end-of-a-line":
        "chunk-size-lf-alone chunk-extension-lf-alone field-lf-alone "
        "field-section-ends-in-lf-alone lf-alone-ends-request-line smuggle-in-chunk-extension",
    "takes-cr-within-a-line-for-a-space": "field-cr-is-refused",
    "drops-cr-within-a-line": "chunk-extension-cr-alone field-cr-is-refused host-before-a-cr",
    "forgets-the-framing-where-a-line-holds-cr":
        "field-cr-is-refused smuggle-encoding-behind-cr smuggle-length-behind-cr",
    "waits-on-where-the-peer-ended-in-a-body":
        "chunk-cut-in-data length-body-cut chunk-cut-is-no-success "
        "length-body-cut-is-no-success",
    "knows-field-names-in-one-spelling-only":
        "encoding-name-in-any-case host-twice-apart host-name-in-any-case "
        "smuggle-encoding-in-another-case",
    "stays-open-where-the-peer-ended-before-a-request":
        "half-close-after-request half-close-after-pipeline half-close-at-once",
    "needs-a-request-line-in-one-segment":
        "@each request-split-each length-split-each encoding-split-each",
    "waits-on-behind-empty-lines": "limit-empty-lines-endless",
    "refuses-an-empty-line-before-a-request": "empty-line-before empty-line-between",
    "reads-a-request-line-of-0.9": "version-0.9",
    "closes-where-fields-are-too-many": "limit-fields-20000 head-fields-too-many",
    "closes-where-a-chunk-size-is-too-long":
        "limit-chunk-extension-is-refused limit-chunk-size-zeros",
    "reads-fields-without-bound": "limit-fields-endless",
    "refuses-a-field-of-2000-bytes": "limit-field-4000",
    "refuses-the-33rd-field": "limit-fields-50",
    "accepts-more-white-space-in-a-request-line":
        "two-spaces-before-target two-spaces-before-version tab-between-parts "
        "space-behind-version space-before-method",
    "accepts-a-space-within-the-target": "two-spaces-before-version space-in-target",
    "takes-a-missing-target-for-the-root": "no-target",
    "takes-a-method-alone-for-the-root": "method-alone",
    "does-not-look-behind-the-version": "space-behind-version four-words",
    "accepts-a-method-that-is-no-token": "method-of-no-token method-with-nul",
    "cuts-a-fragment-off": "target-fragment query-fragment",
    "ends-a-target-at-nul": "target-nul",
    "accepts-any-byte-in-a-target":
        "target-control-byte target-eight-bit target-quote head-bad-target query-fragment",
    "reads-the-version-in-any-case": "version-lower-case",
    "accepts-every-major-version": "version-2.0 head-bad-version",
    "accepts-a-version-of-more-digits": "version-two-digits version-leading-zero",
    "looks-at-the-first-bytes-of-the-version-only": "version-two-digits version-letters-behind",
    "takes-any-version-for-1.1":
        "version-lower-case version-leading-zero version-no-minor version-no-point "
        "version-of-letters version-of-another-protocol",
    "refuses-a-minor-version-it-does-not-know": "version-1.2",
    "unfolds-a-folded-line": "chunk-trailer-folded field-folded-is-refused",
    "drops-a-field-that-is-folded":
        "chunk-trailer-folded field-folded-is-refused smuggle-encoding-folded",
    "says-500-to-white-space-in-front-of-a-line":
        "chunk-trailer-folded field-folded field-folded-is-refused field-folded-host "
        "field-folded-first field-white-line-first",
    "forgets-the-framing-where-a-line-is-folded":
        "chunk-trailer-folded field-folded-is-refused smuggle-encoding-folded "
        "smuggle-encoding-in-a-fold",
    "takes-a-folded-line-for-a-field": "field-folded-host field-folded-first",
    "skips-a-field-line-without-a-colon": "chunk-trailer-no-field field-without-colon",
    "accepts-space-before-the-colon":
        "chunk-trailer-space-before-colon field-space-before-colon field-tab-before-colon "
        "host-space-before-colon length-space-before-colon smuggle-behind-space-colon "
        "head-bad-field",
    "drops-a-field-with-space-before-the-colon":
        "chunk-trailer-space-before-colon field-space-before-colon field-tab-before-colon "
        "length-space-before-colon smuggle-encoding-space-before-colon "
        "smuggle-encoding-tab-before-colon smuggle-behind-space-colon",
    "knows-letters-digits-and-dashes-in-names-only":
        "encoding-of-another-name field-name-of-all-token-bytes",
    "accepts-a-field-without-a-name": "field-without-name",
    "accepts-a-field-name-that-is-no-token":
        "field-name-with-space field-name-with-bracket field-name-eight-bit field-name-with-nul",
    "drops-a-field-with-control-bytes":
        "encoding-vertical-tab field-nul-is-refused field-control-is-refused length-nul-behind "
        "length-vertical-tab smuggle-encoding-vertical-tab smuggle-encoding-nul",
    "takes-nul-in-a-value-for-a-space": "field-nul-is-refused",
    "ends-a-value-at-nul": "field-nul-is-refused length-nul-behind",
    "takes-vertical-tab-for-white-space": "encoding-vertical-tab length-vertical-tab",
    "accepts-control-bytes-in-a-value": "field-control-is-refused",
    "accepts-control-bytes-in-host": "host-control-byte",
    "refuses-a-value-without-space-in-front":
        "chunk-trailer-several field-empty-value host-without-space",
    "says-500-to-nul-in-a-value": "field-nul-in-value field-nul-is-refused length-nul-behind",
    "knows-no-tab-around-a-value": "field-space-around-value",
    "refuses-an-empty-value": "chunk-trailer-several field-empty-value",
    "refuses-a-tab-in-a-value": "close-in-a-list field-tab-in-value",
    "refuses-bytes-above-127-in-a-value": "field-eight-bit-value",
    "looks-for-host-in-the-first-line-only": "host-last",
    "refuses-a-host-without-a-port":
        "pipeline-split-each encoding-split-each host-without-port length-split-each "
        "absolute-form-other-host host-escaped",
    "refuses-an-empty-port": "host-empty-port",
    "knows-no-ipv6-in-host":
        "host-ipv6 host-address-and-port host-address-with-ipv4 host-address-of-the-future "
        "absolute-form-address",
    "refuses-a-field-that-comes-twice":
        "close-in-the-second-line close-in-the-first-line field-repeated limit-fields-50",
    "refuses-a-field-it-does-not-know":
        "encoding-of-another-name field-name-of-all-token-bytes field-empty-value "
        "field-eight-bit-value field-tab-in-value field-unknown-is-ignored limit-fields-50",
    "wants-a-host-in-1.0-too":
        "expect-continue-1.0-get head-no-body-1.0 host-missing-1.0 absolute-form-1.0",
    "accepts-1.1-without-host":
        "pipeline-second-is-bad head-bad-request host-missing host-missing-other-fields "
        "absolute-form-no-host-field version-1.9-without-host expect-unknown-without-host "
        "length-large-without-host",
    "takes-the-first-of-two-hosts":
        "field-split-each host-twice host-twice-equal host-twice-apart host-twice-1.0 "
        "expect-unknown-host-twice",
    "accepts-a-host-that-is-none":
        "host-with-space host-with-slash host-with-user host-of-uri host-port-of-letters "
        "host-two-ports host-open-bracket host-behind-bracket host-quote host-hash host-empty "
        "host-port-alone host-port-that-tcp-lacks host-half-escape host-wrong-escape "
        "host-address-empty host-address-of-colons host-address-too-short host-address-too-long "
        "host-address-with-two-gaps host-address-with-a-long-group host-address-of-ipv4 "
        "host-address-with-a-zone host-address-of-no-version host-invalid-beside-absolute-form",
    "does-not-look-at-host-beside-an-absolute-target": "host-invalid-beside-absolute-form",
    "accepts-a-host-without-a-name":
        "host-empty host-port-alone absolute-form-empty-host absolute-form-port-without-host",
    "accepts-a-port-that-tcp-lacks": "host-port-that-tcp-lacks",
    "refuses-a-port-of-more-than-five-digits": "host-port-with-zeros",
    "knows-no-escape-in-host": "host-escaped",
    "does-not-look-at-escapes-in-host":
        "host-half-escape host-wrong-escape absolute-form-wrong-escape",
    "accepts-brackets-without-an-address": "host-address-empty",
    "accepts-an-address-of-no-version": "host-address-of-no-version",
    "knows-no-address-of-a-later-version": "host-address-of-the-future",
    "accepts-ipv4-in-brackets": "host-address-of-ipv4",
    "knows-no-ipv4-within-an-address": "host-address-with-ipv4",
    "accepts-a-zone-in-an-address": "host-address-with-a-zone",
    "accepts-three-colons-in-an-address": "host-address-of-colons",
    "accepts-two-gaps-in-an-address": "host-address-with-two-gaps",
    "wants-a-gap-in-an-address": "host-address-and-port",
    "accepts-a-group-of-more-digits": "host-address-with-a-long-group",
    "accepts-an-address-of-fewer-groups":
        "host-address-too-short host-address-of-ipv4 absolute-form-wrong-address",
    "accepts-an-address-of-more-groups": "host-address-too-long",
    "does-not-look-at-a-coding-in-1.0":
        "encoding-in-1.0 encoding-in-1.0-with-length encoding-in-1.0-is-refused "
        "smuggle-behind-1.0-encoding",
    "reads-a-coding-in-1.0":
        "encoding-in-1.0 encoding-in-1.0-is-refused smuggle-behind-1.0-encoding",
    "takes-the-length-beside-a-coding-it-does-not-know":
        "smuggle-encoding-twice smuggle-encoding-identity",
    "lets-content-length-win-over-a-coding":
        "encoding-and-length length-and-encoding encoding-and-length-is-refused "
        "encoding-and-zero-length smuggle-length-over-encoding smuggle-encoding-twice "
        "smuggle-encoding-in-another-case smuggle-encoding-identity smuggle-split-each",
    "lets-a-coding-win-over-content-length":
        "encoding-and-length length-and-encoding encoding-and-length-is-refused "
        "encoding-and-zero-length smuggle-length-over-encoding smuggle-behind-last-chunk "
        "smuggle-encoding-in-another-case smuggle-split-each",
    "ignores-a-coding-in-get": "encoding-chunked-get smuggle-in-get-chunk chunk-cut-is-no-success",
    "waits-for-ever-for-a-body-that-is-too-large":
        "expect-continue-too-large length-overflow-64 length-overflow-32 length-of-forty-digits "
        "length-signed-overflow limit-body-too-large limit-body-one-gigabyte-announced",
    "reads-to-the-end-where-no-length-is": "length-none",
    "decodes-no-chunked":
        "chunk-none chunk-several chunk-hex-lower chunk-hex-upper chunk-leading-zeros "
        "chunk-data-of-framing chunk-extension chunk-extension-no-value chunk-extension-several "
        "chunk-extension-quoted chunk-extension-white-space chunk-trailer chunk-trailer-several "
        "chunk-trailer-close chunk-size-empty chunk-size-no-digit chunk-size-0x chunk-size-minus "
        "chunk-size-plus chunk-size-space-before chunk-size-space-behind chunk-size-lf-alone "
        "chunk-size-cr-alone chunk-data-too-long chunk-data-too-short chunk-data-without-end "
        "chunk-data-other-end chunk-data-lf-alone chunk-extension-lf-alone "
        "chunk-extension-cr-alone chunk-extension-nul chunk-trailer-no-field "
        "chunk-trailer-space-before-colon chunk-trailer-folded pipeline-with-bodies "
        "encoding-chunked encoding-chunked-get encoding-name-in-any-case encoding-space-around "
        "encoding-empty-elements encoding-gzip-alone encoding-identity encoding-chunked-not-last "
        "encoding-chunked-not-last-two-lines encoding-almost-chunked encoding-in-quotes "
        "encoding-split-each limit-chunk-extension-is-refused limit-chunk-extensions-many "
        "limit-trailer-is-refused chunk-many-of-one-byte limit-chunk-size-zeros "
        "limit-chunks-too-large chunk-size-many-zeros chunk-extension-all-forms "
        "chunk-extension-without-name chunk-extension-empty chunk-extension-without-value "
        "chunk-extension-two-words chunk-extension-eight-bit chunk-extension-space-behind "
        "chunk-extension-open-quote chunk-extension-behind-quote expect-unknown-bad-encoding",
    "takes-an-empty-element-for-a-coding": "encoding-empty-elements",
    "knows-chunked-in-one-spelling-only": "encoding-name-in-any-case",
    "takes-whatever-ends-in-chunked":
        "encoding-gzip-chunked encoding-gzip-chunked-two-lines encoding-chunked-twice "
        "encoding-chunked-two-lines encoding-almost-chunked",
    "reads-a-coding-it-does-not-know":
        "encoding-gzip-alone encoding-identity encoding-with-parameter encoding-empty "
        "encoding-almost-chunked encoding-in-quotes smuggle-encoding-identity-no-length "
        "expect-unknown-bad-encoding",
    "ignores-codings-before-chunked": "encoding-gzip-chunked encoding-gzip-chunked-two-lines",
    "accepts-chunked-that-is-not-last":
        "encoding-chunked-not-last encoding-chunked-not-last-two-lines smuggle-encoding-list",
    "accepts-chunked-twice": "encoding-chunked-twice encoding-chunked-two-lines",
    "accepts-two-equal-lengths": "length-twice-equal-is-refused",
    "takes-the-last-of-two-lengths":
        "length-twice-differing smuggle-lengths-first-short smuggle-lengths-last-short",
    "takes-the-first-of-two-lengths":
        "length-twice-differing length-second-invalid smuggle-lengths-first-short "
        "smuggle-lengths-last-short",
    "takes-the-first-of-a-list-of-lengths":
        "length-list-differing length-list-equal-is-refused smuggle-lengths-in-a-list",
    "accepts-a-plus-in-a-length": "length-plus smuggle-length-plus",
    "reads-a-negative-length-as-none": "length-minus length-minus-zero",
    "reads-a-hexadecimal-length": "length-hexadecimal",
    "reads-the-digits-a-length-begins-with":
        "expect-continue-bad-length length-list-differing length-list-equal-is-refused "
        "length-hexadecimal length-letters-behind length-space-inside length-decimal-point "
        "smuggle-lengths-in-a-list length-of-many-digits-and-a-letter",
    "reads-an-empty-length-as-none": "length-empty",
    "reads-what-is-no-number-as-zero":
        "head-bad-length length-letters length-comma-alone smuggle-length-of-letters "
        "smuggle-behind-bad-request expect-unknown-bad-length",
    "takes-blanks-out-of-a-length": "length-space-inside",
    "refuses-zeros-before-a-length": "length-leading-zeros",
    "refuses-a-length-of-zero": "length-zero",
    "lets-a-length-overflow-32-bits":
        "length-overflow-64 length-overflow-32 length-of-forty-digits length-signed-overflow",
    "lets-a-length-overflow-64-bits": "length-overflow-64",
    "reads-a-length-as-signed": "length-signed-overflow",
    "counts-the-digits-of-a-length-that-is-none": "length-of-many-digits-and-a-letter",
    "looks-at-the-length-before-host": "length-large-without-host",
    "knows-close-in-lower-case-only": "close-in-any-case",
    "knows-close-alone-only":
        "close-in-a-list close-in-the-second-line close-in-the-first-line "
        "close-wins-over-keep-alive",
    "ignores-connection-close": "@each get-known-file close-is-honoured",
    "looks-for-close-anywhere-in-connection": "close-is-a-whole-word",
    "looks-for-close-in-the-last-line-only": "close-in-the-first-line close-is-a-whole-word",
    "lets-keep-alive-win-over-close": "close-in-the-first-line close-wins-over-keep-alive",
    "keeps-1.0-without-being-asked":
        "head-no-body-1.0 absolute-form-1.0 version-1.0 version-1.0-not-chunked "
        "version-1.0-not-chunked-error version-1.0-keep-alive "
        "version-1.0-keep-alive-is-delimited version-1.0-close version-1.0-post "
        "version-1.0-no-persist-behind-body version-1.0-upgrade",
    "lets-keep-alive-win-over-close-in-1.0": "version-1.0-close",
    "closes-1.0-that-asked-to-stay": "version-1.0-keep-alive",
    "sends-100-unasked": "expect-no-interim-unasked",
    "sends-100-to-1.0": "expect-continue-1.0",
    "ignores-an-expectation-it-does-not-know": "expect-unknown",
    "looks-at-the-expectation-first":
        "expect-unknown-without-host expect-unknown-host-twice expect-unknown-bad-length "
        "expect-unknown-bad-encoding",
    "refuses-an-expectation-without-a-body": "expect-continue-without-body",
    "never-sends-100":
        "expect-continue expect-continue-chunked expect-continue-in-any-case "
        "smuggle-in-expected-body",
    "takes-the-body-for-the-next-request":
        "encoding-of-another-name expect-continue expect-continue-in-any-case "
        "expect-continue-body-with-head expect-continue-split-each field-space-around-value "
        "head-with-body length-frames-post length-frames-get length-leading-zeros "
        "length-split-each length-body-later length-body-looks-like-request "
        "method-unknown-is-framed smuggle-in-get-body smuggle-in-head-body "
        "smuggle-in-options-body smuggle-in-unknown-path smuggle-body-after-response "
        "smuggle-in-expected-body length-body-cut-is-no-success",
    "takes-the-body-of-get-for-the-next-request":
        "head-with-body length-frames-get smuggle-in-get-body smuggle-in-head-body "
        "length-body-cut-is-no-success",
    "takes-the-body-of-an-unknown-path-for-the-next-request":
        "expect-continue-split-each length-split-each smuggle-in-unknown-path "
        "smuggle-body-after-response smuggle-in-expected-body",
    "closes-where-a-segment-ends-between-cr-and-lf": "@each chunk-in-pieces",
    "reads-chunk-extensions-without-bound": "limit-chunk-extensions-many",
    "reads-one-chunk-only": "chunk-several chunk-many-of-one-byte",
    "closes-behind-the-hundredth-chunk":
        "chunk-many-of-one-byte limit-chunk-extensions-many limit-chunks-too-large",
    "looks-for-the-last-chunk-in-the-data": "chunk-data-of-framing",
    "refuses-a-body-of-no-chunk": "chunk-none chunk-trailer-several chunk-trailer-close",
    "takes-trailers-for-the-next-request":
        "chunk-trailer chunk-trailer-several chunk-trailer-of-framing chunk-trailer-close "
        "chunk-trailer-folded encoding-split-each smuggle-in-trailer",
    "takes-any-two-bytes-for-the-end-of-a-chunk": "chunk-data-other-end",
    "needs-no-end-of-a-chunk": "chunk-data-too-short chunk-data-without-end",
    "takes-lf-alone-for-the-end-of-a-chunk": "chunk-data-lf-alone smuggle-behind-chunk-data",
    "skips-to-the-end-of-the-line-behind-a-chunk": "chunk-data-too-long",
    "ends-the-body-where-a-chunk-has-no-end": "smuggle-behind-chunk-data",
    "accepts-white-space-before-a-chunk-size": "chunk-size-space-before",
    "accepts-white-space-behind-a-chunk-size":
        "chunk-size-space-behind chunk-extension-space-behind",
    "accepts-0x-before-a-chunk-size": "chunk-size-0x",
    "accepts-a-sign-before-a-chunk-size":
        "chunk-size-minus chunk-size-plus smuggle-chunk-size-minus",
    "does-not-look-at-chunk-extensions":
        "chunk-extension-nul chunk-extension-without-name chunk-extension-empty "
        "chunk-extension-without-value chunk-extension-two-words chunk-extension-eight-bit "
        "chunk-extension-space-behind chunk-extension-open-quote chunk-extension-behind-quote",
    "reads-a-chunk-size-without-digits-as-zero": "smuggle-chunk-size-blank",
    "reads-the-digits-a-chunk-size-begins-with":
        "chunk-size-space-behind smuggle-chunk-size-cut-at-nul smuggle-chunk-size-0x",
    "refuses-chunk-extensions":
        "chunk-extension chunk-extension-no-value chunk-extension-several chunk-extension-quoted "
        "chunk-extension-white-space encoding-split-each chunk-extension-all-forms",
    "knows-no-quoted-chunk-extension": "chunk-extension-quoted chunk-extension-all-forms",
    "knows-no-white-space-in-an-extension": "chunk-extension-white-space chunk-extension-all-forms",
    "knows-one-chunk-extension-only": "chunk-extension-several chunk-extension-all-forms",
    "knows-no-chunk-extension-without-a-value": "chunk-extension-no-value",
    "knows-no-eight-bit-in-a-quoted-extension": "chunk-extension-all-forms",
    "accepts-an-extension-without-a-name": "chunk-extension-without-name chunk-extension-empty",
    "accepts-an-equals-sign-without-a-value": "chunk-extension-without-value",
    "accepts-an-extension-of-two-words": "chunk-extension-two-words",
    "accepts-eight-bit-in-the-name-of-an-extension": "chunk-extension-eight-bit",
    "accepts-white-space-behind-an-extension": "chunk-extension-space-behind",
    "closes-an-open-quote-of-an-extension": "chunk-extension-open-quote",
    "accepts-more-behind-a-quoted-extension": "chunk-extension-behind-quote",
    "knows-no-capitals-in-a-chunk-size": "chunk-hex-upper",
    "knows-no-small-letters-in-a-chunk-size": "chunk-hex-lower",
    "refuses-zeros-before-a-chunk-size": "chunk-leading-zeros chunk-size-many-zeros",
    "refuses-more-digits-than-a-chunk-size-needs": "chunk-size-many-zeros",
    "lets-a-chunk-size-overflow-32-bits":
        "chunk-size-overflow chunk-size-overflow-32 chunk-size-overflow-to-zero "
        "chunk-size-signed-overflow",
    "lets-a-chunk-size-overflow-64-bits": "chunk-size-overflow chunk-size-overflow-to-zero",
    "ends-the-body-at-a-negative-chunk-size": "chunk-size-signed-overflow chunk-size-all-ones",
    "refuses-trailers":
        "chunk-trailer chunk-trailer-several chunk-trailer-close encoding-split-each",
    "reads-trailers-without-bound": "limit-trailer-endless limit-trailer-is-refused",
    "does-not-look-at-trailers":
        "chunk-trailer-no-field chunk-trailer-space-before-colon chunk-trailer-folded",
    "knows-methods-in-any-case": "method-is-case-sensitive",
    "says-200-to-connect":
        "authority-form-connect authority-form-connect-no-port authority-form-connect-bad-port "
        "authority-form-connect-origin-target authority-form-connect-empty-port "
        "authority-form-connect-is-400",
    "does-not-look-at-the-target-of-connect": "authority-form-connect-is-400",
    "serves-methods-it-does-not-know":
        "method-is-case-sensitive method-unknown method-long "
        "authority-form-connect-origin-target",
    "does-not-know-options-of-the-server": "asterisk-form-options",
    "answers-options-without-allow": "options-names-allowed",
    "serves-an-asterisk-like-the-root": "asterisk-form-get",
    "does-not-know-the-root": "origin-form-root",
    "does-not-know-the-absolute-form":
        "absolute-form absolute-form-scheme-in-capitals absolute-form-other-host "
        "absolute-form-no-path absolute-form-query-no-path absolute-form-1.0 "
        "absolute-form-address",
    "knows-small-letters-in-a-scheme-only": "absolute-form-scheme-in-capitals",
    "serves-https-without-security": "absolute-form-https",
    "knows-no-address-in-a-target": "absolute-form-address",
    "does-not-look-at-the-host-of-a-target":
        "absolute-form-user absolute-form-wrong-address absolute-form-wrong-escape",
    "accepts-a-user-in-a-target": "absolute-form-user",
    "accepts-a-target-of-no-host": "absolute-form-empty-host absolute-form-port-without-host",
    "serves-a-target-without-a-slash":
        "authority-form-get asterisk-form-with-more target-without-slash",
    "says-405-without-allow": "not-allowed-names-allowed",
    "takes-the-query-for-a-part-of-the-path":
        "limit-target-8000 origin-form-query origin-form-empty-query directory-keeps-the-query",
    "drops-what-is-no-escape": "target-half-escape target-wrong-escape",
    "does-not-look-at-escapes-in-a-query": "query-half-escape query-wrong-escape",
    "does-not-decode-the-path": "origin-form-encoded",
    "decodes-the-path-twice": "target-decoded-once",
    "decodes-again-behind-the-look-at-the-path": "path-encoded-twice target-decoded-once",
    "decodes-overlong-forms-behind-the-look-at-the-path": "path-overlong-dot",
    "cuts-a-path-at-nul": "target-encoded-nul",
    "knows-no-index-of-a-directory": "directory-index",
    "drops-a-slash-behind-a-file": "directory-of-a-file",
    "serves-a-directory-without-a-slash": "directory-without-slash directory-keeps-the-query",
    "redirects-to-two-slashes": "directory-of-two-slashes",
    "leaves-the-query-out-of-a-redirect": "directory-keeps-the-query",
    "says-200-where-nothing-is":
        "pipeline-two pipeline-ten-in-order head-not-found get-unknown-file target-decoded-once "
        "version-1.0-not-chunked-error if-none-match-missing if-match-missing "
        "directory-of-a-file path-encoded-twice path-overlong-dot",
    "asks-conditions-of-what-is-missing": "if-none-match-missing if-match-missing",
    "asks-if-none-match-first": "if-match-before-none-match",
    "takes-any-tag-in-if-match-for-its-own": "if-match-other if-match-before-none-match",
    "knows-no-star-in-if-match": "if-match-any if-unmodified-since-behind-match",
    "ignores-if-unmodified-since": "if-unmodified-since-old date-rfc850 date-asctime",
    "looks-at-if-unmodified-since-beside-if-match": "if-unmodified-since-behind-match",
    "wants-the-very-date-in-if-unmodified-since": "if-unmodified-since-future",
    "takes-what-is-no-date-for-one-that-is-over": "if-unmodified-since-nonsense",
    "takes-any-tag-in-if-none-match-for-its-own":
        "if-none-match-other if-modified-since-behind-none-match",
    "knows-no-star-in-if-none-match":
        "if-none-match-any if-none-match-any-head not-modified-is-dated not-modified-has-no-type",
    "looks-at-if-none-match-in-get-only": "if-none-match-any-head",
    "looks-at-if-modified-since-beside-if-none-match": "if-modified-since-behind-none-match",
    "says-304-to-every-if-modified-since": "if-modified-since-old",
    "wants-the-very-date-in-if-modified-since": "if-modified-since-future",
    "takes-what-is-no-date-for-now": "if-modified-since-nonsense",
    "knows-no-date-of-rfc850": "date-rfc850",
    "takes-two-digits-for-a-year-of-this-century": "date-rfc850",
    "knows-no-date-of-asctime": "date-asctime",
    "says-the-type-in-304": "not-modified-has-no-type",
    "sends-a-body-with-304":
        "if-none-match-any if-modified-since-future not-modified-is-dated "
        "not-modified-has-no-type",
    "leaves-out-last-modified": "response-last-modified",
    "leaves-out-the-tag": "response-etag",
    "ignores-ranges":
        "range-is-supported range-open range-suffix range-end-too-far range-unsatisfiable "
        "range-several-one-left",
    "answers-head-with-a-range": "range-of-head",
    "ignores-if-range": "if-range-other if-range-weak if-range-other-date",
    "takes-a-weak-tag-in-if-range-for-its-own": "if-range-weak",
    "takes-any-date-in-if-range-for-its-own": "if-range-other-date",
    "takes-if-range-alone-for-if-match": "if-range-alone",
    "takes-any-unit-for-bytes": "range-unknown-unit",
    "knows-no-range-without-an-end": "range-open range-unsatisfiable",
    "takes-a-suffix-for-an-end": "range-suffix",
    "refuses-a-suffix-longer-than-the-file": "range-suffix-too-long",
    "refuses-an-end-behind-the-file": "range-end-too-far",
    "takes-the-last-position-for-the-one-behind":
        "range-first range-is-supported range-several range-several-one-left",
    "sends-the-beginning-for-each-range": "range-open range-suffix range-end-too-far range-several",
    "counts-the-range-that-it-says-from-zero":
        "range-open range-suffix range-end-too-far range-several",
    "turns-a-range-that-runs-backwards": "range-backwards",
    "lets-a-position-overflow-64-bits": "range-overflow",
    "says-416-without-the-length": "range-unsatisfiable",
    "sends-one-part-as-multipart":
        "range-first range-is-supported range-open range-suffix range-suffix-too-long "
        "range-end-too-far range-several-one-left",
    "sends-as-many-parts-as-are-asked-for": "range-many-overlapping",
    "leaves-the-first-of-several-parts-out": "range-several",
    "does-not-end-the-last-part": "range-several",
    "says-no-boundary": "range-several",
    "says-no-range-in-a-part": "range-several",
    "says-the-type-of-a-part-for-the-whole": "range-several",
    "says-the-range-of-the-first-part-for-the-whole": "range-several",
    "writes-the-date-like-asctime":
        "response-date response-date-of-400 not-modified-is-dated response-date-of-405",
    "writes-the-date-in-no-format":
        "response-date response-date-of-400 not-modified-is-dated response-date-of-405",
    "answers-with-the-version-2.0": "@request-line get-unknown-file",
    "answers-1.0-with-1.0-to-1.1": "response-version",
    "leaves-out-the-space-behind-the-status": "@request-line get-unknown-file",
    "answers-with-a-status-of-four-digits": "@request-line get-unknown-file",
    "leaves-out-the-date":
        "response-date response-date-of-400 not-modified-is-dated response-date-of-405",
    "leaves-the-date-out-of-304": "not-modified-is-dated",
    "leaves-the-date-out-of-405": "response-date-of-405",
    "does-not-say-that-it-closes": "close-is-announced",
    "does-not-say-that-1.0-stays": "version-1.0-keep-alive",
    "says-another-length-to-head": "head-length-of-get",
    "says-a-length-that-is-too-small": "@request-line get-unknown-file",
    "says-a-length-that-is-too-large": "@request-line get-unknown-file",
    "answers-chunked-to-1.0":
        "version-1.0-not-chunked version-1.0-not-chunked-error "
        "version-1.0-keep-alive-is-delimited",
    "says-length-and-coding-in-a-reply": "@request-line get-unknown-file",
    "answers-in-chunks-without-an-end": "@request-line get-unknown-file",
    "says-no-length-and-stays": "@request-line get-unknown-file",
    "says-two-lengths": "@request-line get-unknown-file",
    "says-a-length-in-204": "smuggle-in-options-body asterisk-form-options options-names-allowed",
    "writes-a-space-before-the-colon": "@request-line get-unknown-file",
    "folds-a-line-of-its-reply": "@request-line get-unknown-file",
    "writes-a-field-without-a-colon": "@request-line get-unknown-file",
    "writes-a-control-byte-in-a-value": "@request-line get-unknown-file",
    "writes-a-control-byte-in-a-reason": "@request-line get-unknown-file",
    "says-the-date-twice": "@request-line get-unknown-file",
    "ends-its-lines-in-lf": "@request-line get-unknown-file",
    "sends-a-body-to-head":
        "pipeline-with-head pipeline-split-each head-no-body head-no-body-1.0 head-not-found "
        "head-bad-request head-bad-length head-with-body head-length-of-get head-close head-many "
        "head-is-supported smuggle-in-head-body head-bad-field head-two-spaces head-bad-target "
        "head-bad-version head-target-too-long head-fields-too-many range-of-head",
    "sends-a-body-with-a-refusal-of-head":
        "head-bad-request head-bad-length head-bad-field head-two-spaces head-bad-target "
        "head-bad-version head-target-too-long head-fields-too-many",
    "forgets-the-method-of-a-line-that-it-refuses":
        "head-two-spaces head-bad-target head-target-too-long",
    "changes-a-byte-of-the-body": "none-was-run",
    "sends-garbage-behind-a-reply": "@request-line get-unknown-file",
    "sends-the-reply-twice": "@each get-known-file",
    "ends-with-a-reset": "end-is-no-reset half-close-at-once",
    "takes-a-cut-message-for-a-whole":
        "chunk-cut-in-data chunk-cut-before-last chunk-cut-is-no-success length-body-cut "
        "length-body-cut-is-no-success",
    "says-500-where-chunks-are-too-many": "limit-chunks-too-large",
    "closes-in-silence-behind-many-zeros": "limit-chunk-size-zeros",
    "closes-in-silence-behind-many-chunks": "chunk-many-of-one-byte limit-chunks-too-large",
    "closes-in-silence-behind-many-fields": "limit-fields-20000 limit-fields-endless",
    "says-404-where-fields-are-too-many":
        "limit-fields-20000 limit-fields-endless head-fields-too-many",
    "says-500-to-cr-cr-lf": "field-two-crs",
    "takes-lf-cr-for-the-end-of-a-line": "lf-cr-ends-request-line",
    "knows-no-preface-of-http2": "http2-preface",
    "says-no-length-to-get-and-closes":
        "@head response-is-delimited response-date limit-field-4000 get-known-file "
        "absolute-form",
    "looks-for-dots-before-it-decodes":
        "target-out-of-root-encoded target-out-of-root-encoded-slash path-above-the-root-encoded "
        "path-above-the-root-slashes",
    "says-500-to-a-path-that-leaves-the-root":
        "target-out-of-root target-out-of-root-encoded target-out-of-root-encoded-slash "
        "target-out-of-root-behind-a-folder target-out-of-root-and-back path-above-the-root "
        "path-above-the-root-encoded path-above-the-root-slashes",
    "lets-a-path-lead-out-of-the-root":
        "target-out-of-root target-out-of-root-encoded target-out-of-root-encoded-slash "
        "target-out-of-root-behind-a-folder path-above-the-root path-above-the-root-encoded "
        "path-above-the-root-slashes",
    "dies-of-a-reset":
        "@each reset-in-head reset-in-body reset-in-pipeline abuse-half-bodies-reset "
        "abuse-never-reads",
    "dies-of-an-unfinished-request": "@each abuse-half-requests-left",
    "never-answers": "none-was-run",
    "closes-without-an-answer": "none-was-run",
    "forgets-the-request-of-a-peer-that-half-closed":
        "@each half-close-after-request half-close-after-pipeline",
    "switches-to-whatever-is-asked": "field-upgrade-is-ignored version-1.0-upgrade",
    "switches-1.0-to-whatever-is-asked": "version-1.0-upgrade",
    "answers-a-pipeline-backwards":
        "pipeline-two pipeline-ten-in-order pipeline-with-head pipeline-split-each "
        "pipeline-second-is-bad",
    "forgets-what-follows-the-eighth-request": "pipeline-ten-in-order pipeline-fifty",
    "closes-behind-the-second-body": "pipeline-with-bodies",
    "closes-where-nothing-is-pipelined": "persist-by-default clients-at-once",
    "answers-what-follows-close":
        "close-is-honoured close-in-any-case close-in-a-list close-in-the-second-line "
        "close-in-the-first-line close-wins-over-keep-alive close-with-body "
        "pipeline-close-in-the-middle head-close smuggle-behind-close",
    "refuses-the-65th-client": "@each clients-at-once abuse-half-requests",
    "goes-on-behind-a-refused-request-line": "garbage limit-empty-lines-endless",
    "goes-on-behind-a-refused-version": "version-3.0-is-framed",
    "goes-on-behind-a-refused-length":
        "expect-continue-bad-length length-twice-differing length-list-differing "
        "length-twice-equal length-twice-equal-is-refused length-list-equal-is-refused "
        "length-empty length-plus length-minus length-minus-zero length-hexadecimal "
        "length-letters length-letters-behind length-space-inside length-decimal-point "
        "length-comma-alone length-second-invalid smuggle-lengths-first-short "
        "smuggle-lengths-last-short smuggle-lengths-in-a-list smuggle-length-plus "
        "smuggle-length-of-letters smuggle-behind-bad-request expect-unknown-bad-length "
        "length-of-many-digits-and-a-letter",
    "goes-on-behind-a-refused-expectation": "expect-unknown-is-framed",
}
