package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Tracing says whether, where and how much is traced: what OpenTelemetry's standard variables say that decide it. The rest of them
// (timeouts, certificates, batches, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) is read by its SDK, which documents them.
type Tracing struct {
	// Disabled is OTEL_SDK_DISABLED, Exporter OTEL_TRACES_EXPORTER: otlp, none or empty.
	Disabled bool
	Exporter string
	// Endpoint is what /v1/traces is added to, Whole the whole address for traces alone; nil where they are not set.
	Endpoint, Whole *url.URL
	// Headers go with each post; empty leaves them to the SDK.
	Headers map[string]Secret
	// Sampler is one of OpenTelemetry's names, and SamplerArg its share, 0 to 1.
	Sampler    string
	SamplerArg float64
}

// URL is where spans are posted; nil where nothing is traced.
func (t Tracing) URL() *url.URL {
	switch {
	case t.Disabled || t.Exporter == "none":
		return nil
	case t.Whole != nil:
		return t.Whole
	case t.Endpoint != nil:
		return t.Endpoint.JoinPath("v1", "traces")
	case t.Exporter == "otlp": // OpenTelemetry's default
		return &url.URL{Scheme: "http", Host: "localhost:4318", Path: "/v1/traces"}
	}
	return nil
}

// Ratio is the share of requests that are traced, 0 to 1.
func (t Tracing) Ratio() float64 {
	switch strings.TrimPrefix(t.Sampler, "parentbased_") {
	case "always_off":
		return 0
	case "traceidratio":
		return t.SamplerArg
	}
	return 1
}

func tracingTable() []entry {
	return []entry{
		{
			Setting{Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Help: "where traces are posted, such as http://collector:4318; without it none are made"},
			func(c *Config, v string) error { return readCollector(&c.Tracing.Endpoint, v) },
		},
		{
			Setting{Name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", Help: "the same as a whole address, with its path"},
			func(c *Config, v string) error { return readCollector(&c.Tracing.Whole, v) },
		},
		{
			Setting{Name: "OTEL_EXPORTER_OTLP_HEADERS", Secret: true, Help: "headers of each post: name=value, comma separated"},
			func(c *Config, v string) error { return readHeaders(&c.Tracing.Headers, v) },
		},
		{
			Setting{Name: "OTEL_EXPORTER_OTLP_PROTOCOL", Default: "http/protobuf", Help: "the only protocol there is"},
			func(_ *Config, v string) error { return readOneOf(new(string), v, "http/protobuf") },
		},
		{
			Setting{Name: "OTEL_TRACES_EXPORTER", Help: "otlp, or none (no traces, whatever else is set)"},
			func(c *Config, v string) error { return readChoice(&c.Tracing.Exporter, v, "otlp", "none") },
		},
		{
			Setting{Name: "OTEL_TRACES_SAMPLER", Default: "parentbased_always_on", Help: "how requests are chosen, by OpenTelemetry's names"},
			func(c *Config, v string) error {
				return readOneOf(&c.Tracing.Sampler, v, "always_on", "always_off", "traceidratio",
					"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")
			},
		},
		{
			Setting{Name: "OTEL_TRACES_SAMPLER_ARG", Default: "1", Help: "the share that traceidratio traces, 0 to 1"},
			func(c *Config, v string) error { return readShare(&c.Tracing.SamplerArg, v) },
		},
		{
			Setting{Name: "OTEL_SDK_DISABLED", Default: "false", Help: "true makes no traces, whatever else is set"},
			func(c *Config, v string) error { return readTruth(&c.Tracing.Disabled, v) },
		},
	}
}

// readCollector never quotes the value: some vendors have their key in it.
func readCollector(to **url.URL, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return errors.New("not an address such as http://collector:4318 (http or https, a host, no user)")
	}
	*to = u
	return nil
}

// readHeaders takes "name=value,name=value" with escaped values, as OpenTelemetry writes them.
func readHeaders(to *map[string]Secret, value string) error {
	headers := map[string]Secret{}
	var faults []error
	for i, item := range items(value) {
		name, text, ok := strings.Cut(item, "=")
		plain, err := url.PathUnescape(strings.TrimSpace(text))
		if !ok || err != nil || strings.TrimSpace(name) == "" {
			faults = append(faults, fmt.Errorf("entry %d is not name=value, with what is special in the value written as %%20", i+1))
			continue
		}
		headers[strings.TrimSpace(name)] = Secret(plain)
	}
	*to = headers
	return errors.Join(faults...)
}

func readOneOf(to *string, value string, words ...string) error {
	if !slices.Contains(words, value) {
		if len(words) == 1 {
			return fmt.Errorf("%s is not %s", quote(value), words[0])
		}
		return fmt.Errorf("%s is none of %s", quote(value), strings.Join(words, ", "))
	}
	*to = value
	return nil
}

func readShare(to *float64, value string) error {
	share, err := strconv.ParseFloat(value, 64)
	if err != nil || !(share >= 0 && share <= 1) {
		return fmt.Errorf("%s is not a number from 0 to 1", quote(value))
	}
	*to = share
	return nil
}

// readTruth takes the words of OpenTelemetry, in which all but true is false.
func readTruth(to *bool, value string) error {
	*to = strings.EqualFold(value, "true")
	return nil
}
