"""/v1/audio/voices, as OpenAI's API has it, with a verdict on each sample."""

from functools import partial

from fastapi import APIRouter

from gateway_service import voice_form
from gateway_service.gateway import GatewayState
from gateway_service.voice_cloning import clone
from gateway_service.voice_form import NewVoice
from gateway_service.voice_schemas import (
    VoiceDeleted,
    VoiceDetails,
    VoiceList,
    details_of,
    summary_of,
)
from shared.app import Slot
from shared.wire import WireRoute

router = APIRouter(prefix="/v1/audio/voices", tags=["voices"], route_class=WireRoute)


@router.post("", openapi_extra=voice_form.OPENAPI)
async def create_voice(form: NewVoice, gateway: GatewayState, slot: Slot) -> VoiceDetails:
    """A voice from one or several recordings of a person who agreed to it. The recordings are not
    kept."""
    return details_of(await slot.run(partial(clone, gateway.chain, gateway.voices, form)))


@router.get("")
def list_voices(gateway: GatewayState) -> VoiceList:
    """The presets and all that were made. Nothing of how they were made: no key is asked."""
    return VoiceList(voices=[summary_of(voice) for voice in gateway.voices.list()])


@router.get("/{voice}")
def retrieve_voice(voice: str, gateway: GatewayState) -> VoiceDetails:
    """By its name or id."""
    return details_of(gateway.voices.find(voice))


@router.delete("/{voice}")
def delete_voice(voice: str, gateway: GatewayState) -> VoiceDeleted:
    """By its name or id. What is known of its samples and consent goes with it."""
    return VoiceDeleted(id=gateway.voices.remove(voice).id)
