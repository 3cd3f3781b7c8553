"""/v1/audio/voices, as in OpenAI's API, with a verdict on each sample."""

from functools import partial

from fastapi import APIRouter

from gateway_service.gateway import GatewayState
from gateway_service.storage.database import in_storage_thread
from gateway_service.string_limits import VoicePath
from gateway_service.voices import form as voice_form
from gateway_service.voices.cloning import check_samples, clone
from gateway_service.voices.form import NewVoice, Samples
from gateway_service.voices.schemas import (
    VoiceCheck,
    VoiceDeleted,
    VoiceDetails,
    VoiceList,
    details_of,
    summary_of,
)
from shared.http.app import Slot
from shared.http.json_routes import JsonRoute
from shared.http.openapi import QUEUED, errors

router = APIRouter(
    prefix="/v1/audio/voices", tags=["voices"], route_class=JsonRoute, responses=errors(503)
)


@router.post("", openapi_extra=voice_form.OPENAPI, responses=QUEUED | errors(502))
async def create_voice(form: NewVoice, gateway: GatewayState, slot: Slot) -> VoiceDetails:
    """Make a voice from one or several recordings of a person who agreed to it.

    The recordings are not kept.
    """
    return details_of(await slot.run(partial(clone, gateway.chain, gateway.voices, form)))


@router.post("/check", openapi_extra=voice_form.SAMPLES_OPENAPI, responses=QUEUED | errors(502))
async def check_voice(samples: Samples, gateway: GatewayState, slot: Slot) -> VoiceCheck:
    """Judge recordings before a voice is made of them. Nothing is kept, so no consent is needed."""
    return VoiceCheck(samples=await slot.run(partial(check_samples, gateway.chain, samples)))


@router.get("")
async def list_voices(gateway: GatewayState) -> VoiceList:
    """List the presets and the voices made here. Needs no key, so it tells names alone."""
    voices = await in_storage_thread(gateway.voices.list)
    return VoiceList(voices=[summary_of(voice) for voice in voices])


@router.get("/{voice}")
async def retrieve_voice(voice: VoicePath, gateway: GatewayState) -> VoiceDetails:
    """Get a voice by its name or id."""
    return details_of(await in_storage_thread(gateway.voices.find, voice))


@router.delete("/{voice}", responses=errors(400))
async def delete_voice(voice: VoicePath, gateway: GatewayState) -> VoiceDeleted:
    """Delete a voice by its name or id, with the verdicts on its samples and the consent."""
    removed = await in_storage_thread(gateway.voices.remove, voice)
    return VoiceDeleted(id=removed.id)
