package monitor

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"resoagent/agent"
)

// standing collects how the agent stands at the moment of a scrape.
type standing struct {
	subject Subject
	gauges  []gauge
	streams []streamGauge

	requests, bytes, absent, falsePositives *prometheus.Desc
}

// gauge is a figure of the whole agent; ok is false where there is none.
type gauge struct {
	desc  *prometheus.Desc
	value func(agent.Status) (v float64, ok bool)
}

// streamGauge is a figure of each stream.
type streamGauge struct {
	desc  *prometheus.Desc
	value func(agent.StreamStatus) (v float64, ok bool)
}

func newStanding(s Subject) *standing {
	c := &standing{subject: s, gauges: gauges(), streams: streamGauges()}
	c.requests = describe("source_requests_total", "Requests made to the source.")
	c.bytes = describe("source_received_bytes_total", "Bytes received from the source, as they came over the network.")
	c.absent = describe("keyset_absent_lookups_total", "Look-ups of parent keys that are not in the key set.")
	c.falsePositives = describe("keyset_false_positives_total", "Of these, those that the Bloom filter let through to the index.")
	return c
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("resoagent_"+name, help, labels, nil)
}

func gauges() []gauge {
	number := func(name, help string, value func(agent.Status) float64) gauge {
		return gauge{describe(name, help), func(s agent.Status) (float64, bool) { return value(s), true }}
	}
	at := func(name, help string, value func(agent.Status) *time.Time) gauge {
		return gauge{describe(name, help), func(s agent.Status) (float64, bool) { return seconds(value(s)) }}
	}
	return []gauge{
		number("run_in_progress", "1 while a run is under way.", func(s agent.Status) float64 { return truth(s.Running) }),
		at("problem_since_timestamp_seconds", "Since when something is wrong: what a run tries again, or a run that stopped; absent while nothing is.", func(s agent.Status) *time.Time {
			if s.Problem == nil {
				return nil
			}
			return &s.Problem.Since
		}),
		number("ready", "1 while the last success is no older than twice the interval.", func(s agent.Status) float64 { return truth(s.Ready() == nil) }),
		at("last_success_timestamp_seconds", "When a run finished last.", func(s agent.Status) *time.Time { return s.LastSuccessAt }),
		at("next_run_timestamp_seconds", "When the next run begins.", func(s agent.Status) *time.Time {
			if s.Schedule == nil {
				return nil
			}
			return s.Schedule.NextRunAt
		}),
		{describe("schedule_interval_seconds", "Time from the start of one run to that of the next."), func(s agent.Status) (float64, bool) {
			if s.Schedule == nil {
				return 0, false
			}
			return s.Schedule.EverySeconds, true
		}},
		{describe("run_failures_in_row", "Runs that have failed since the last that did not."), func(s agent.Status) (float64, bool) {
			if s.Schedule == nil {
				return 0, false
			}
			return float64(s.Schedule.Failures), true
		}},
		number("keyset_keys", "Parent keys in the key set.", func(s agent.Status) float64 { return float64(s.KeySet.Keys) }),
		number("keyset_filter_bytes", "Memory of the Bloom filter.", func(s agent.Status) float64 { return float64(s.KeySet.BloomBits) / 8 }),
		number("keyset_false_positive_ratio", "Share of absent keys that the Bloom filter lets through, as measured.",
			func(s agent.Status) float64 { return s.KeySet.FalsePositiveRate }),
		number("orphan_parents", "Listings that children wait for, at the end of the last run.", func(s agent.Status) float64 { return float64(s.OrphanParents) }),
		number("rejects", "Records that could not be stored, at the end of the last run.", func(s agent.Status) float64 { return float64(s.Rejects) }),
		number("repaired_records", "Records that are stored with broken text repaired, at the end of the last run.",
			func(s agent.Status) float64 { return float64(s.Repaired) }),
		number("synclog_pending_runs", "Finished runs that are not in SyncLog yet.", func(s agent.Status) float64 { return float64(s.PendingSyncLog) }),
		number("state_file_bytes", "Size of the state file (bbolt).", func(s agent.Status) float64 { return float64(s.StateFileBytes) }),
		{describe("state_free_bytes", "What is free on the state directory's disk."), func(s agent.Status) (float64, bool) {
			if s.FreeBytes == nil {
				return 0, false
			}
			return float64(*s.FreeBytes), true
		}},
		number("destination_bytes", "Size of the agent's tables with their indexes, at the end of the last run.",
			func(s agent.Status) float64 { return float64(s.DestinationBytes) }),
	}
}

func streamGauges() []streamGauge {
	of := func(name, help string, value func(agent.StreamStatus) (float64, bool)) streamGauge {
		return streamGauge{describe(name, help, "stream"), value}
	}
	return []streamGauge{
		of("position_lag_seconds", "How old the newest record is that is stored.", func(s agent.StreamStatus) (float64, bool) { return optional(s.LagSeconds) }),
		of("stream_rows", "Rows that the destination had at the end of the last run, counted or estimated.", func(s agent.StreamStatus) (float64, bool) {
			return count(s.Rows)
		}),
		of("stream_source_records", "Records that the source counted in all when it was asked last.", func(s agent.StreamStatus) (float64, bool) {
			return count(s.SourceCount)
		}),
		of("stream_gap_records", "Records that the source counts and has not sent.", func(s agent.StreamStatus) (float64, bool) {
			if s.Gap == nil {
				return 0, true
			}
			return float64(s.Gap.Count), true
		}),
		of("stream_rejects", "Records that could not be stored, at the end of the last run.", func(s agent.StreamStatus) (float64, bool) {
			return float64(s.Rejects), true
		}),
		of("stream_orphan_parents", "Listings that its records wait for, at the end of the last run.", func(s agent.StreamStatus) (float64, bool) {
			return float64(s.OrphanParents), true
		}),
		of("stream_last_finished_timestamp_seconds", "When a pass over the stream finished last.", func(s agent.StreamStatus) (float64, bool) {
			return seconds(s.LastFinishedAt)
		}),
		of("pass_in_progress", "1 while a pass is under way or interrupted.", func(s agent.StreamStatus) (float64, bool) { return truth(s.Pass != nil), true }),
		of("pass_records", "Records of the pass under way that are dealt with.", func(s agent.StreamStatus) (float64, bool) {
			return float64(s.Done()), s.Pass != nil
		}),
		of("pass_expected_records", "Records that the source counted when the pass began.", func(s agent.StreamStatus) (float64, bool) {
			if s.Pass == nil || s.Pass.Total == nil {
				return 0, false
			}
			return float64(*s.Pass.Total), true
		}),
	}
}

// Describe implements prometheus.Collector.
func (c *standing) Describe(out chan<- *prometheus.Desc) {
	for _, g := range c.gauges {
		out <- g.desc
	}
	for _, g := range c.streams {
		out <- g.desc
	}
	for _, d := range []*prometheus.Desc{c.requests, c.bytes, c.absent, c.falsePositives} {
		out <- d
	}
}

// Collect implements prometheus.Collector. A status that cannot be read makes
// the scrape fail, which is what an operator should see then.
func (c *standing) Collect(out chan<- prometheus.Metric) {
	s, err := c.subject.Status()
	if err != nil {
		out <- prometheus.NewInvalidMetric(c.gauges[0].desc, err)
		return
	}
	for _, g := range c.gauges {
		if v, ok := g.value(s); ok {
			out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, v)
		}
	}
	for _, stream := range s.Streams {
		for _, g := range c.streams {
			if v, ok := g.value(stream); ok {
				out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, v, stream.Name)
			}
		}
	}
	traffic := c.subject.Traffic()
	for desc, v := range map[*prometheus.Desc]float64{
		c.requests: float64(traffic.Requests), c.bytes: float64(traffic.Bytes),
		c.absent: float64(s.KeySet.Absent), c.falsePositives: float64(s.KeySet.FalsePositives),
	} {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, v)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t *time.Time) (float64, bool) {
	if t == nil {
		return 0, false
	}
	return float64(t.UnixMilli()) / 1000, true
}

func optional(v *float64) (float64, bool) {
	if v == nil {
		return 0, false
	}
	return *v, true
}

func count(n *int64) (float64, bool) {
	if n == nil {
		return 0, false
	}
	return float64(*n), true
}
