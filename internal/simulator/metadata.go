package simulator

import (
	"bytes"
	"net/http"
)

// edmType is the OData name of a type.
func edmType(k kind) string {
	switch k {
	case kindArray:
		return "Collection(Edm.String)"
	case kindBool:
		return "Edm.Boolean"
	case kindDate:
		return "Edm.Date"
	case kindFloat, kindWhole:
		return "Edm.Decimal"
	case kindInt:
		return "Edm.Int64"
	case kindTime:
		return "Edm.DateTimeOffset"
	}
	return "Edm.String"
}

// metadata sends the entity types as the feed sees them.
func (x *exchange) metadata() {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>` +
		`<Schema Namespace="RESO" xmlns="http://docs.oasis-open.org/odata/ns/edm">`)
	for _, name := range x.simulator.names {
		def := x.simulator.resources[name]
		b.WriteString("\n" + `<EntityType Name="` + name + `"><Key><PropertyRef Name="` + def.key + `"/></Key>`)
		for _, f := range def.byFeed[x.feed] {
			b.WriteString(`<Property Name="` + f.name + `" Type="` + edmType(f.kind) + `"/>`)
		}
		b.WriteString(`</EntityType>`)
	}
	b.WriteString("\n" + `<EntityContainer Name="Container">`)
	for _, name := range x.simulator.names {
		b.WriteString(`<EntitySet Name="` + name + `" EntityType="RESO.` + name + `"/>`)
	}
	b.WriteString(`</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>` + "\n")
	x.header("application/xml")
	x.status(http.StatusOK)
	x.send(x.writer, b.Bytes())
}
