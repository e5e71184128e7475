"""The virtual twin of a supplier that drops GS1 XML 3 despatch advices."""

from __future__ import annotations

from collections.abc import Sequence

from storeloom.hardware_adapters.links.drop_twin import DropTwin
from storeloom.hardware_adapters.links.twin import Said

SUPPLIER, GTIN, SSCC = "4012345500004", "5410738000152", "354107380000001051"


class Gs1XmlFilesTwin(DropTwin):
    ending = ".xml"

    def content(self, number: int, *, odd: bool = False, wrong: bool = False) -> bytes:
        gtin, quantity = (GTIN[:-1] + "9" if wrong else GTIN), ("lots" if odd else number % 40 + 1)
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<d:despatchAdviceMessage xmlns:d="urn:gs1:ecom:despatch_advice:xsd:3">
 <despatchAdvice>
  <creationDateTime>2026-03-02T09:00:00+08:00</creationDateTime>
  <documentStatusCode>ORIGINAL</documentStatusCode>
  <despatchAdviceIdentification><entityIdentification>D{number}</entityIdentification></despatchAdviceIdentification>
  <shipper><gln>{SUPPLIER}</gln></shipper>
  <despatchInformation><estimatedDeliveryDateTime>2026-03-03T10:00:00+08:00</estimatedDeliveryDateTime></despatchInformation>
  <purchaseOrder><entityIdentification>PO77</entityIdentification></purchaseOrder>
  <despatchAdviceLogisticUnit>
   <logisticUnitIdentification><sscc>{SSCC}</sscc></logisticUnitIdentification>
   <despatchAdviceLineItem>
    <lineItemNumber>1</lineItemNumber>
    <despatchedQuantity measurementUnitCode="EA">{quantity}</despatchedQuantity>
    <transactionalTradeItem>
     <gtin>{gtin}</gtin>
     <transactionalItemData><batchNumber>L42</batchNumber><itemExpirationDate>2026-05-01</itemExpirationDate></transactionalItemData>
    </transactionalTradeItem>
   </despatchAdviceLineItem>
  </despatchAdviceLogisticUnit>
 </despatchAdvice>
</d:despatchAdviceMessage>
""".encode()

    def said(self, number: int) -> Sequence[Said]:
        line = {"gtin": GTIN, "qty": number % 40 + 1, "lot": "L42", "expiry": "2026-05-01", "sscc": SSCC}
        head = {"shipment": f"D{number}", "supplier": SUPPLIER, "state": "dispatched", "eta": "2026-03-03T02:00:00Z", "order": "PO77"}
        return [Said("shipment.notice", {**head, "lines": [line]})]
