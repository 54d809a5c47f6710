package reso

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Errors are read in all the forms that servers have for them.
func TestErrorBodies(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"code":"1111","message":"no such field"}}`:                                                            "code 1111: no such field",
		`{"error":{"code":400,"message":"no such field"}}`:                                                               "code 400: no such field",
		`{"error":{"code":"","message":"invalid","details":"TheField is unknown"}}`:                                      ": invalid: TheField is unknown",
		`{"error":{"message":"invalid","details":["one","two"]}}`:                                                        ": invalid: one: two",
		`{"error":{"message":"invalid","details":[{"code":"x","message":"TheField"},{"message":"TheOther"}]}}`:           ": invalid: TheField: TheOther",
		`{"error":{"message":"invalid","details":[]}}`:                                                                   "Bad Request: invalid",
		`{"error":{"message":"invalid","innererror":{"message":"TheField","type":"T"}}}`:                                 ": invalid: TheField",
		`{"error":{"code":"005","message":{"lang":"en-US","value":"of version 2"}}}`:                                     "code 005: of version 2",
		`{"odata.error":{"code":"","message":{"lang":"en-US","value":"of version 3"},"innererror":{"message":"inner"}}}`: ": of version 3: inner",
		`{"error":"invalid_request","error_description":"a field is missing"}`:                                           ": invalid_request: a field is missing",
		`{"error":"invalid_request"}`:                                                                                    "Bad Request: invalid_request",
		`{"Message":"The request is invalid."}`:                                                                          "Bad Request: The request is invalid.",
		`{"statusCode":400,"message":"Bad filter"}`:                                                                      "Bad Request: Bad filter",
		`{"title":"Invalid","status":400,"detail":"The filter"}`:                                                         "code 400: Invalid: The filter",
		`{"errors":[{"message":"one"},{"message":"two"}]}`:                                                               ": one: two",
		`"a plain string"`: "Bad Request: a plain string",
		`a plain text`:     "Bad Request: a plain text",
		`400 is a number`:  "Bad Request: 400 is a number",
		`400`:              "Bad Request: 400",
		`{"error":{}}`:     `Bad Request: {"error":{}}`,
		`{"error":{"message":` + strings.Repeat("[", 20000): "Bad Request: {",
	} {
		for _, mark := range []string{"", byteOrderMark} {
			c := client(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, mark+body)
			})
			if _, err := keys(t, c); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%.100s: %v, want %q", body, err, want)
			}
		}
	}
}

// A page size that the source names as its limit is told, whichever way it puts it.
func TestPageLimit(t *testing.T) {
	for message, want := range map[string]int{
		"The limit of '1000' for Top query has been exceeded. The value from the incoming request is '5000'.": 1000,
		"The limit of 10,000 for $top was exceeded. The value from the incoming request is 20000.":            10000,
		"$top must be less than or equal to 200":                                                              200,
		"$top may be at most 500, not 5000":                                                                   500,
		"Maximum page size is 2500":                                                                           2500,
		"top value cannot be greater than 1000":                                                               1000,
		"You may not request more than 250 records":                                                           250,
		"$top exceeds the maximum of 300 (5000 were requested)":                                               300,
		"$top: must be <= 100":                                                                                100,
		"top should be between 1 and 200":                                                                     200,
		"Rate limit of 7200 requests an hour exceeded":                                                        0,
		"The limit of 100 terms in a filter was exceeded":                                                     0,
		"Could not find a property named 'X'":                                                                 0,
	} {
		c := client(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"code":400,"message":"`+message+`"}}`)
		})
		_, err := keys(t, c)
		var e *Error
		if !errors.As(err, &e) || e.PageLimit() != want {
			t.Errorf("%s: %v", message, e.PageLimit())
		}
	}
}

// Of who refuses a token, or sends elsewhere, nothing is repeated.
func TestRefusalsAreNotRepeated(t *testing.T) {
	for status, says := range map[int]string{
		http.StatusUnauthorized:      "HTTP 401 Unauthorized; check the feed's token",
		http.StatusForbidden:         "HTTP 403 Forbidden; the token",
		http.StatusFound:             "the source redirects to another host, which is not followed",
		http.StatusMovedPermanently:  "the source redirects to the same host by https, which",
		http.StatusTemporaryRedirect: "the source redirects to another path of the same host",
	} {
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", map[int]string{
				http.StatusFound: "https://elsewhere.example/not-repeated", http.StatusMovedPermanently: "https://" + r.Host + "/not-repeated",
				http.StatusTemporaryRedirect: "/not-repeated",
			}[status])
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"error":{"code":"not-repeated","message":"not-repeated"}}`)
		})
		_, err := keys(t, c)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "not-repeated") {
			t.Errorf("%d: %v", status, err)
		}
	}
}
